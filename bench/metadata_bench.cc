// What changing the metadata of documents costs beside writing them anew: the engine in this
// process, its storage on disk, every batch synced.
//
//   metadata_bench [--documents N] [--dimension D] [--model DIR] [--folder DIR]
//
// With a model documents are texts, which the encoder encodes; else they bring their vectors.

#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "fmt/format.h"
#include "kith/base/check.h"
#include "server/engine/collection.h"
#include "server/engine/database.h"

namespace kith::engine {
namespace {

void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << status << "\n";
  std::exit(1);
}

struct Options {
  int documents = 100'000;
  int dimension = 384;
  int batch = 1000;
  int in_flight = 8;  // batches
  std::string model;
  std::filesystem::path folder = std::filesystem::temp_directory_path() / "kith-metadata-bench";
};

// Lets so many batches be on their way, and waits for the last one.
class Window {
 public:
  explicit Window(int size) : size_(size), free_(size) {}
  void Enter() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(
        +[](int* left) { return *left > 0; }, &free_));
    --free_;
  }
  void Leave() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    ++free_;
  }
  void AwaitAll() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    const auto all = [this] {
      mu_.AssertHeld();
      return free_ == size_;
    };
    mu_.Await(absl::Condition(&all));
  }

 private:
  const int size_;
  absl::Mutex mu_;
  int free_ ABSL_GUARDED_BY(mu_);
};

Metadata MetadataOf(int document, int round) {
  return {{"lang", std::string(document % 3 == 0 ? "en" : "de")},
          {"year", int64_t{1990} + (document + round) % 35},
          {"rating", 0.1 * (document % 50)},
          {"round", int64_t{round}}};
}

DocumentInput DocumentOf(const Options& options, int number, int round) {
  DocumentInput input;
  input.id = fmt::format("document-{}", number);
  input.metadata = MetadataOf(number, round);
  std::mt19937 random(static_cast<uint32_t>(number));
  if (!options.model.empty()) {
    static constexpr const char* kWords[] = {"wings",  "of",   "aircraft",  "carry",
                                             "people", "over", "warm",      "seas",
                                             "and",    "cold", "mountains", "at"};
    for (int i = 0; i < 80; ++i) {
      input.text += kWords[random() % std::size(kWords)];
      input.text += i % 12 == 11 ? ". " : " ";
    }
    return input;
  }
  std::normal_distribution<float> normal;
  OwnVector vector;
  const auto cluster = static_cast<float>(number % 100) * 0.1F;
  for (int i = 0; i < options.dimension; ++i) vector.values.push_back(cluster + normal(random));
  input.vector = std::move(vector);
  return input;
}

// What a phase took: by the clock, and of the processor. On a shared machine the second says more.
struct Cost {
  double seconds = 0;
  double cpu_seconds = 0;

  static Cost Now() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    };
    return {
        std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(),
        seconds(usage.ru_utime) + seconds(usage.ru_stime)};
  }
  friend Cost operator-(const Cost& a, const Cost& b) {
    return {a.seconds - b.seconds, a.cpu_seconds - b.cpu_seconds};
  }
  friend Cost operator+(const Cost& a, const Cost& b) {
    return {a.seconds + b.seconds, a.cpu_seconds + b.cpu_seconds};
  }
};

// Sends all documents in batches.
template <typename Send>  // Send(first, count, done)
Cost Run(const Options& options, const Send& send) {
  Window window(options.in_flight);
  const Cost begin = Cost::Now();
  for (int first = 0; first < options.documents; first += options.batch) {
    window.Enter();
    send(first, std::min(options.batch, options.documents - first), [&window](absl::Status status) {
      Must(status);
      window.Leave();
    });
  }
  window.AwaitAll();
  return Cost::Now() - begin;
}

Cost Upsert(const Options& options, Collection& collection, int round) {
  // Made before the clock starts.
  std::vector<UpsertRequest> requests;
  for (int first = 0; first < options.documents; first += options.batch) {
    UpsertRequest& request = requests.emplace_back();
    for (int i = first; i < std::min(first + options.batch, options.documents); ++i) {
      request.documents.push_back(DocumentOf(options, i, round));
    }
  }
  return Run(options, [&](int first, int, const auto& done) {
    collection.Upsert(std::move(requests[static_cast<size_t>(first / options.batch)]),
                      std::make_shared<Call>(),
                      [done](absl::StatusOr<UpsertAnswer> answer) { done(answer.status()); });
  });
}

Cost Update(const Options& options, Collection& collection, int round) {
  std::vector<UpdateMetadataRequest> requests;
  for (int first = 0; first < options.documents; first += options.batch) {
    UpdateMetadataRequest& request = requests.emplace_back();
    for (int i = first; i < std::min(first + options.batch, options.documents); ++i) {
      request.updates.push_back({.id = fmt::format("document-{}", i), .set = MetadataOf(i, round)});
    }
  }
  return Run(options, [&](int first, int, const auto& done) {
    collection.UpdateMetadata(
        std::move(requests[static_cast<size_t>(first / options.batch)]), std::make_shared<Call>(),
        [done](absl::StatusOr<UpdateMetadataAnswer> answer) {
          KITH_CHECK(!answer.ok() || answer->missing == 0, "every document is there");
          done(answer.status());
        });
  });
}

// Until every row is in a graph.
Cost Seal(Database& database, Collection& collection) {
  const Cost begin = Cost::Now();
  const auto operation = collection.SealIndex();
  Must(operation.status());
  absl::Notification ended;
  database.operations().Wait(operation->id, Call::Clock::time_point::max(),
                             [&](const absl::StatusOr<Operation>&) { ended.Notify(); });
  ended.WaitForNotification();
  return Cost::Now() - begin;
}

int Main(const Options& options) {
  std::filesystem::remove_all(options.folder);
  DatabaseOptions database_options;
  database_options.data_dir = options.folder;
  database_options.model_dir = options.model;
  // Sealed on demand alone, so that the phases do not mix.
  database_options.indexing.idle = std::chrono::hours(1);
  auto opened = Database::Open(database_options);
  Must(opened.status());
  Database& database = **opened;
  CollectionSpec spec;
  spec.name = "bench";
  if (options.model.empty()) spec.dimension = static_cast<uint32_t>(options.dimension);
  Must(database.CreateCollection(spec).status());
  const auto collection = *database.Find("bench");

  const auto report = [&](const char* what, const Cost& cost) {
    fmt::print("{:<34} {:8.2f} s, {:8.2f} s of processor, {:8.0f} documents/s\n", what,
               cost.seconds, cost.cpu_seconds, options.documents / cost.seconds);
    std::cout.flush();
  };
  report("upsert of new documents", Upsert(options, *collection, 0));
  report("  until all are in a graph", Seal(database, *collection));
  const IndexStatus before = collection->index_status();
  Cost update;
  for (int round = 1; round <= 3; ++round) {
    const Cost cost = Update(options, *collection, round);
    report("update of their metadata", cost);
    if (round == 1 || cost.seconds < update.seconds) update = cost;
  }
  const IndexStatus after = collection->index_status();
  fmt::print("  live rows before {}, after {}; seals {}, merges {}\n", before.live_rows,
             after.live_rows, after.seals - before.seals, after.merges - before.merges);
  const Cost upsert = Upsert(options, *collection, 4);
  report("upsert of the same documents", upsert);
  const Cost seal = Seal(database, *collection);
  report("  until all are in a graph", seal);
  const Cost all = upsert + seal;
  fmt::print(
      "an upsert takes {:.1f} times as long as an update of metadata, and {:.1f} times the "
      "processor;"
      " until it is in a graph {:.1f} and {:.1f} times\n",
      upsert.seconds / update.seconds, upsert.cpu_seconds / update.cpu_seconds,
      all.seconds / update.seconds, all.cpu_seconds / update.cpu_seconds);
  opened->reset();
  std::filesystem::remove_all(options.folder);
  return 0;
}

}  // namespace
}  // namespace kith::engine

int main(int argc, char** argv) {
  kith::engine::Options options;
  CLI::App app("Changing the metadata of documents, beside writing them anew");
  app.add_option("--documents", options.documents);
  app.add_option("--dimension", options.dimension);
  app.add_option("--batch", options.batch);
  app.add_option("--in-flight", options.in_flight);
  app.add_option("--model", options.model);
  app.add_option("--folder", options.folder);
  CLI11_PARSE(app, argc, argv);
  return kith::engine::Main(options);
}
