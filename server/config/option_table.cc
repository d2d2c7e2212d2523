#include "server/config/option_table.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/config/units.h"

namespace kith::config {
namespace {

// Where the value of an option lies. A plain function: options know nothing of each other.
template <typename T>
using Place = T& (*)(Config&);

template <typename T>
const T& Read(Place<T> place, const Config& config) {
  return place(const_cast<Config&>(config));  // the same field; a Place only points at it
}

absl::Status OutOfRange(uint64_t given, std::string_view least, std::string_view most) {
  return InvalidArgument(reason::kInvalidRequest, "{} is out of range: {} to {}", given, least,
                         most);
}

Option Text(std::string name, std::string value, std::string group, Place<std::string> place,
            std::string help) {
  return {std::move(name),
          std::move(value),
          std::move(group),
          std::move(help),
          [place](const std::string& text, Config* config) -> absl::Status {
            if (text.find('\0') != std::string::npos) {
              return InvalidArgument(reason::kInvalidRequest, "{} holds a NUL byte", Quoted(text));
            }
            place(*config) = text;
            return absl::OkStatus();
          },
          [place](const Config& config) { return Read(place, config); }};
}

// Words between commas.
Option Words(std::string name, std::string value, std::string group,
             Place<std::vector<std::string>> place, std::string help) {
  return {std::move(name),
          std::move(value),
          std::move(group),
          std::move(help),
          [place](const std::string& text, Config* config) -> absl::Status {
            std::vector<std::string> words;
            for (const auto part : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
              words.emplace_back(absl::StripAsciiWhitespace(part));
              if (words.back().find('\0') != std::string::npos) {
                return InvalidArgument(reason::kInvalidRequest, "{} holds a NUL byte",
                                       Quoted(text));
              }
            }
            place(*config) = std::move(words);
            return absl::OkStatus();
          },
          [place](const Config& config) {
            return fmt::format("{}", fmt::join(Read(place, config), ","));
          }};
}

Option Switch(std::string name, std::string group, Place<bool> place, std::string help) {
  return {std::move(name),
          "",
          std::move(group),
          std::move(help),
          [place](const std::string& text, Config* config) -> absl::Status {
            const std::string word = absl::AsciiStrToLower(text);
            if (word != "true" && word != "false") {
              return InvalidArgument(reason::kInvalidRequest, "{} is neither true nor false",
                                     Quoted(text));
            }
            place(*config) = word == "true";
            return absl::OkStatus();
          },
          [place](const Config& config) -> std::string {
            return Read(place, config) ? "true" : "false";
          }};
}

Option Number(std::string name, std::string group, Place<size_t> place, size_t least, size_t most,
              std::string help) {
  return {std::move(name),
          "N",
          std::move(group),
          std::move(help),
          [=](const std::string& text, Config* config) -> absl::Status {
            KITH_ASSIGN_OR_RETURN(const uint64_t number, ParseNumber(text));
            if (number < least || number > most) {
              return OutOfRange(number, std::to_string(least), std::to_string(most));
            }
            place(*config) = number;
            return absl::OkStatus();
          },
          [place](const Config& config) { return std::to_string(Read(place, config)); }};
}

Option Size(std::string name, std::string group, Place<size_t> place, size_t least, size_t most,
            std::string help) {
  return {std::move(name),
          "SIZE",
          std::move(group),
          std::move(help),
          [=](const std::string& text, Config* config) -> absl::Status {
            KITH_ASSIGN_OR_RETURN(const uint64_t bytes, ParseSize(text));
            if (bytes < least || bytes > most) {
              return OutOfRange(bytes, PrintSize(least), PrintSize(most));
            }
            place(*config) = bytes;
            return absl::OkStatus();
          },
          [place](const Config& config) { return PrintSize(Read(place, config)); }};
}

Option Time(std::string name, std::string group, Place<absl::Duration> place, std::string help) {
  return {std::move(name),
          "TIME",
          std::move(group),
          std::move(help),
          [place](const std::string& text, Config* config) -> absl::Status {
            KITH_ASSIGN_OR_RETURN(place(*config), ParseDuration(text));
            return absl::OkStatus();
          },
          [place](const Config& config) { return PrintDuration(Read(place, config)); }};
}

template <typename T>
Option Choice(std::string name, std::string group, Place<T> place,
              std::vector<std::pair<std::string, T>> choices, std::string help) {
  std::string value;
  for (const auto& [word, unused] : choices) value += (value.empty() ? "" : "|") + word;
  return {std::move(name),
          value,
          std::move(group),
          std::move(help),
          [=](const std::string& text, Config* config) -> absl::Status {
            for (const auto& [word, choice] : choices) {
              if (text != word) continue;
              place(*config) = choice;
              return absl::OkStatus();
            }
            return InvalidArgument(reason::kInvalidRequest, "{} is none of {}", Quoted(text),
                                   value);
          },
          [=](const Config& config) -> std::string {
            for (const auto& [word, choice] : choices) {
              if (Read(place, config) == choice) return word;
            }
            return {};
          }};
}

Option GrpcAddress(std::string group, std::string help) {
  return {"grpc-address",
          "IP:PORT",
          std::move(group),
          std::move(help),
          [](const std::string& text, Config* config) -> absl::Status {
            KITH_ASSIGN_OR_RETURN(config->grpc_address, net::ParseEndpoint(text));
            return absl::OkStatus();
          },
          [](const Config& config) { return config.grpc_address.ToString(); }};
}

absl::Status ParseMemoryBudget(const std::string& text, Config* config) {
  constexpr uint64_t kLeast = 256 << 20;
  if (text.ends_with('%')) {
    KITH_ASSIGN_OR_RETURN(const uint64_t percent, ParseNumber(text.substr(0, text.size() - 1)));
    if (percent < 1 || percent > 95) return OutOfRange(percent, "1%", "95%");
    config->memory_budget = {0, static_cast<unsigned>(percent)};
    return absl::OkStatus();
  }
  KITH_ASSIGN_OR_RETURN(const uint64_t bytes, ParseSize(text));
  if (bytes < kLeast) return OutOfRange(bytes, PrintSize(kLeast), "the machine's memory");
  config->memory_budget = {bytes, 0};
  return absl::OkStatus();
}

std::string PrintMemoryBudget(const Config& config) {
  const MemoryBudget& budget = config.memory_budget;
  return budget.bytes != 0 ? PrintSize(budget.bytes) : fmt::format("{}%", budget.percent);
}

std::vector<Option> MakeOptions() {
  constexpr size_t kMi = 1 << 20;
  const std::string where = "Data and network", access = "Keys and TLS", model = "Encoder",
                    room = "Resources", index = "Index", limits = "Limits of one request",
                    logs = "Logs and stopping";
  std::vector<Option> options;
  const auto add = [&](Option option) { options.push_back(std::move(option)); };

  add(Text(
      "data-dir", "DIR", where, [](Config& c) -> std::string& { return c.data_dir; },
      "Folder of the data; made if it is not there"));
  add(GrpcAddress(where, "Where to listen; port 0 picks a free one and logs it"));
  add(Number(
      "max-connections", where, [](Config& c) -> size_t& { return c.max_connections; }, 0,
      1'000'000,
      "Connections open at a time, further ones are closed at once; 0: 60 % of the open files "
      "that the system allows"));
  add(Number(
      "max-connections-per-address", where,
      [](Config& c) -> size_t& { return c.max_connections_per_address; }, 0, 1'000'000,
      "The same, from one client address; 0: no bound of its own"));
  add(Time(
      "handshake-timeout", where, [](Config& c) -> absl::Duration& { return c.handshake_timeout; },
      "A connection on which no client has spoken TLS and HTTP/2 by then is closed"));
  add(Time(
      "idle-timeout", where, [](Config& c) -> absl::Duration& { return c.idle_timeout; },
      "A connection without calls is closed after this; clients make another by themselves"));
  add(Time(
      "stall-timeout", where, [](Config& c) -> absl::Duration& { return c.stall_timeout; },
      "A call whose answer the client has not taken by then is cancelled"));

  add(Text(
      "keys-file", "FILE", access, [](Config& c) -> std::string& { return c.credentials.keys; },
      "Keys that calls must bring, as `kith keys create` prints them; empty: none are needed"));
  add(Text(
      "tls-cert", "FILE", access,
      [](Config& c) -> std::string& { return c.credentials.tls.certificate; },
      "Certificate of the server, PEM, with what is between it and its root; empty: no TLS"));
  add(Text(
      "tls-key", "FILE", access,
      [](Config& c) -> std::string& { return c.credentials.tls.private_key; },
      "Private key of that certificate, PEM, without a password"));
  add(Text(
      "tls-client-ca", "FILE", access,
      [](Config& c) -> std::string& { return c.credentials.tls.client_ca; },
      "Authorities, PEM: clients must show a certificate of theirs; empty: clients need none"));
  add(Switch(
      "insecure", access, [](Config& c) -> bool& { return c.insecure; },
      "Allow an address that other machines reach, without TLS or without keys"));

  add(Text(
      "model-dir", "DIR", model, [](Config& c) -> std::string& { return c.model_dir; },
      "Folder of a sentence-transformers or Hugging Face BERT model; empty: the bundled model"));
  add(Switch(
      "no-encoder", model, [](Config& c) -> bool& { return c.no_encoder; },
      "Run without an encoder: clients bring their own vectors"));
  add(Text(
      "models-dir", "DIR", model, [](Config& c) -> std::string& { return c.models_dir; },
      "Folder of further models, one in each of its folders, to be loaded by name; empty: none"));
  add(Words(
      "load-models", "NAME,...", model,
      [](Config& c) -> std::vector<std::string>& { return c.load_models; },
      "Models of models-dir that are loaded at the start"));
  add(Size(
      "query-cache", model, [](Config& c) -> size_t& { return c.query_cache_bytes; }, 0, 1024 * kMi,
      "Memory for the embeddings of questions that were asked before; 0B: none"));

  add(Number(
      "threads", room, [](Config& c) -> size_t& { return c.threads; }, 0, 1024,
      "Threads that encode, and threads that search; 0: as many as the processor has"));
  add(Option{
      "memory-budget", "SIZE|PERCENT", room,
      "Memory for indexes, encoders and storage; a share is of the cgroup's or the machine's. "
      "Writes are refused at 90 % of it",
      ParseMemoryBudget, PrintMemoryBudget});
  add(Number(
      "max-concurrent-calls", room, [](Config& c) -> size_t& { return c.max_concurrent_calls; }, 1,
      1'000'000,
      "Calls handled at a time; further ones are refused with advice when to come back"));

  add(Number(
      "index-threads", index, [](Config& c) -> size_t& { return c.index.threads; }, 0, 1024,
      "Segments that are built at a time, at low priority; 0: half of the threads, and one more"));
  add(Number(
      "index-seal-rows", index, [](Config& c) -> size_t& { return c.index.seal_rows; }, 1, 8192,
      "Passages of a segment that is full and gets a graph; fewer mean smaller graphs, sooner"));
  add(Time(
      "index-idle", index, [](Config& c) -> absl::Duration& { return c.index.idle; },
      "A segment that is not full, but not small either, gets its graph when nothing was written "
      "for so long"));
  add(Number(
      "index-merge-factor", index, [](Config& c) -> size_t& { return c.index.merge_factor; }, 2, 64,
      "Segments of about one size that are merged into one; fewer make searches cheaper, and "
      "writing dearer"));
  add(Number(
      "max-index-debt", index, [](Config& c) -> size_t& { return c.index.debt_max; }, 1,
      1'000'000'000,
      "Passages of a collection that wait for a graph: writers are slowed down from a fifth of it "
      "on, and refused at it"));

  add(Size(
      "max-message", limits, [](Config& c) -> size_t& { return c.limits.message_bytes; }, 64 << 10,
      1024 * kMi, "One message, in either direction"));
  add(Size(
      "max-text", limits, [](Config& c) -> size_t& { return c.limits.text_bytes; }, 1 << 10,
      1024 * kMi, "The text of one document"));
  add(Number(
      "max-batch-documents", limits, [](Config& c) -> size_t& { return c.limits.batch_documents; },
      1, 100'000, "Documents in one batch"));
  add(Number(
      "max-batch-passages", limits, [](Config& c) -> size_t& { return c.limits.batch_passages; }, 1,
      100'000, "Passages that the documents of one batch are cut into"));

  add(Choice<LogFormat>(
      "log-format", logs, [](Config& c) -> LogFormat& { return c.log_format; },
      {{"auto", LogFormat::kAuto}, {"json", LogFormat::kJson}, {"text", LogFormat::kText}},
      "Lines on stderr; auto: text on a terminal, else one JSON object each"));
  add(Choice<LogLevel>(
      "log-level", logs, [](Config& c) -> LogLevel& { return c.log_level; },
      {{"debug", LogLevel::kDebug},
       {"info", LogLevel::kInfo},
       {"warning", LogLevel::kWarning},
       {"error", LogLevel::kError}},
      "The least important lines that are written; debug has one a call"));
  add(Time(
      "slow-log", logs, [](Config& c) -> absl::Duration& { return c.slow_log; },
      "Calls that take longer are logged as warnings; 0s: none"));
  add(Time(
      "shutdown-timeout", logs, [](Config& c) -> absl::Duration& { return c.shutdown_timeout; },
      "How long a stop waits for calls that are under way"));
  return options;
}

}  // namespace

std::string Option::environment_name() const {
  std::string out = "KITH_";
  for (char c : name) out += c == '-' ? '_' : absl::ascii_toupper(static_cast<unsigned char>(c));
  return out;
}

std::span<const Option> AllOptions() {
  static const std::vector<Option>* const options = new std::vector<Option>(MakeOptions());
  return *options;
}

const Option* FindOption(std::string_view name) {
  for (const Option& option : AllOptions()) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

}  // namespace kith::config
