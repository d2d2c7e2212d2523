#include "client/cli/bench/background_ingest.h"

#include <chrono>
#include <utility>

#include "client/cli/document_source.h"
#include "client/cli/exit_code.h"
#include "client/cli/ingest_session.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

BackgroundIngest::BackgroundIngest(client::Client& client, std::string collection,
                                   SourceFiles files, double rate)
    : client_(client),
      collection_(std::move(collection)),
      files_(std::move(files)),
      rate_(rate),
      thread_([this] { Run(); }) {}

BackgroundIngest::~BackgroundIngest() {
  stop_.store(true, std::memory_order_relaxed);
  thread_.join();
}

absl::Status BackgroundIngest::status() const {
  absl::MutexLock lock(&mu_);
  return status_;
}

void BackgroundIngest::Run() {
  absl::Status status;
  while (status.ok() && !stop_.load(std::memory_order_relaxed)) status = IngestOnce();
  absl::MutexLock lock(&mu_);
  status_ = status;
}

absl::Status BackgroundIngest::IngestOnce() {
  DocumentSource source(files_);
  const auto refused = [&](uint64_t tag, const std::string&, const absl::Status& why) {
    return UsageError("{}: {}", source.PlaceOf(tag), std::string(why.message()));
  };
  KITH_ASSIGN_OR_RETURN(auto session, IngestSession::Open(client_, collection_, refused));
  const uint64_t before = sent_;
  const Clock::time_point begin = Clock::now();
  for (DocumentSource::Item item; source.Next(item);) {
    if (stop_.load(std::memory_order_relaxed)) return absl::OkStatus();
    if (!item.document.ok()) {
      return UsageError("{}: {}", source.PlaceOf(item.tag),
                        std::string(item.document.status().message()));
    }
    if (rate_ > 0) {
      const std::chrono::duration<double> due(static_cast<double>(sent_ - before) / rate_);
      std::this_thread::sleep_until(begin + std::chrono::duration_cast<Clock::duration>(due));
    }
    KITH_RETURN_IF_ERROR(session->Add(*std::move(item.document), item.tag));
    ++sent_;
    accepted_.store(accepted_before_ + session->accepted(), std::memory_order_relaxed);
  }
  if (sent_ == before) return UsageError("the files to ingest hold no document");
  KITH_ASSIGN_OR_RETURN(const IngestSummary summary, session->Finish());
  accepted_before_ += summary.accepted;
  accepted_.store(accepted_before_, std::memory_order_relaxed);
  return absl::OkStatus();
}

}  // namespace kith::cli
