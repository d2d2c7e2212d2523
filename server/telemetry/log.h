// The log: one line each on stderr, JSON for machines or text for people. A line is a sentence and
// fields beside it:
//
//   log->Info("listening", {{"address", "127.0.0.1:7600"}});
//
// A field whose text is empty is left out. Whatever comes from outside goes into a field: it is
// escaped, so that no id or text can forge a line. Texts of documents are never logged.
//
// Thread-safe. Writing never blocks the caller: lines wait in a bounded queue, and if stderr does
// not take them the oldest are dropped.

#ifndef KITH_SERVER_TELEMETRY_LOG_H_
#define KITH_SERVER_TELEMETRY_LOG_H_

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "server/config/config.h"

namespace spdlog {
class logger;
namespace details {
class thread_pool;
}
}  // namespace spdlog

namespace kith::telemetry {

using config::LogLevel;

// A named value beside a line. Borrows its strings for the length of the call.
struct Field {
  Field(std::string_view name, std::string_view value) : name(name), value(value) {}
  Field(std::string_view name, const char* value) : name(name), value(std::string_view(value)) {}
  Field(std::string_view name, const std::string& value)
      : name(name), value(std::string_view(value)) {}
  Field(std::string_view name, double value) : name(name), value(value) {}
  template <std::integral T>
  Field(std::string_view name, T value) : name(name), value(static_cast<int64_t>(value)) {}

  std::string_view name;
  std::variant<std::string_view, int64_t, double> value;
};
using Fields = std::initializer_list<Field>;

// One line without its time and level, as JSON members or as text. Exposed for tests.
std::string RenderJson(std::string_view message, Fields fields);
std::string RenderText(std::string_view message, Fields fields);

class Log {
 public:
  Log(config::LogFormat format, LogLevel level);
  ~Log();  // writes what waits
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  bool enabled(LogLevel level) const { return level >= level_; }
  void Write(LogLevel level, std::string_view message, Fields fields = {});

  void Debug(std::string_view message, Fields fields = {}) {
    Write(LogLevel::kDebug, message, fields);
  }
  void Info(std::string_view message, Fields fields = {}) {
    Write(LogLevel::kInfo, message, fields);
  }
  void Warning(std::string_view message, Fields fields = {}) {
    Write(LogLevel::kWarning, message, fields);
  }
  void Error(std::string_view message, Fields fields = {}) {
    Write(LogLevel::kError, message, fields);
  }

 private:
  // Constant after construction.
  const LogLevel level_;
  const bool json_;
  std::shared_ptr<spdlog::details::thread_pool> threads_;
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace kith::telemetry

#endif  // KITH_SERVER_TELEMETRY_LOG_H_
