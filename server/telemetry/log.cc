#include "server/telemetry/log.h"

#include <unistd.h>

#include <cmath>
#include <iterator>
#include <utility>

#include "fmt/format.h"
#include "spdlog/async.h"
#include "spdlog/async_logger.h"
#include "spdlog/pattern_formatter.h"
#include "spdlog/sinks/stdout_sinks.h"

namespace kith::telemetry {
namespace {

// Lines that may wait for stderr.
constexpr size_t kQueuedLines = 8192;

bool UseJson(config::LogFormat format) {
  if (format == config::LogFormat::kAuto) return isatty(STDERR_FILENO) == 0;
  return format == config::LogFormat::kJson;
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

// Bytes of a string inside JSON quotes. Control characters and DEL are escaped; the rest, checked
// UTF-8 where it comes from clients, passes as it is.
void AppendEscaped(std::string_view text, std::string* out) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      *out += '\\';
      *out += c;
    } else if (c == '\n') {
      *out += "\\n";
    } else if (c == '\t') {
      *out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(*out), "\\u{:04x}", byte);
    } else {
      *out += c;
    }
  }
}

void AppendQuoted(std::string_view text, std::string* out) {
  *out += '"';
  AppendEscaped(text, out);
  *out += '"';
}

void AppendNumber(int64_t number, std::string* out) {
  fmt::format_to(std::back_inserter(*out), "{}", number);
}

void AppendNumber(double number, std::string* out) {
  // JSON has no NaN and no infinity.
  if (std::isfinite(number)) {
    fmt::format_to(std::back_inserter(*out), "{:.6g}", number);
  } else {
    *out += "null";
  }
}

bool IsEmpty(const Field& field) {
  const auto* text = std::get_if<std::string_view>(&field.value);
  return text != nullptr && text->empty();
}

// A word that needs no quotes in a text line.
bool IsPlain(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == '"' || c == '\\' || c == '=') return false;
  }
  return true;
}

std::unique_ptr<spdlog::formatter> MakeFormatter(bool json) {
  // The JSON members are rendered already; time and level go before them.
  return json ? std::make_unique<spdlog::pattern_formatter>(
                    R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})",
                    spdlog::pattern_time_type::utc)
              : std::make_unique<spdlog::pattern_formatter>("%Y-%m-%d %H:%M:%S.%e %-7l %v");
}

}  // namespace

std::string RenderJson(std::string_view message, Fields fields) {
  std::string out = "\"message\":";
  AppendQuoted(message, &out);
  for (const Field& field : fields) {
    if (IsEmpty(field)) continue;
    out += ',';
    AppendQuoted(field.name, &out);
    out += ':';
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      AppendQuoted(*text, &out);
    } else if (const auto* whole = std::get_if<int64_t>(&field.value)) {
      AppendNumber(*whole, &out);
    } else {
      AppendNumber(std::get<double>(field.value), &out);
    }
  }
  return out;
}

std::string RenderText(std::string_view message, Fields fields) {
  std::string out;
  AppendEscaped(message, &out);
  for (const Field& field : fields) {
    if (IsEmpty(field)) continue;
    out += ' ';
    out += field.name;
    out += '=';
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      IsPlain(*text) ? void(out += *text) : AppendQuoted(*text, &out);
    } else if (const auto* whole = std::get_if<int64_t>(&field.value)) {
      AppendNumber(*whole, &out);
    } else {
      AppendNumber(std::get<double>(field.value), &out);
    }
  }
  return out;
}

Log::Log(config::LogFormat format, LogLevel level) : level_(level), json_(UseJson(format)) {
  threads_ = std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1);
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  sink->set_formatter(MakeFormatter(json_));
  logger_ = std::make_shared<spdlog::async_logger>("kithd", std::move(sink), threads_,
                                                   spdlog::async_overflow_policy::overrun_oldest);
  logger_->set_level(ToSpdlog(level));
  logger_->flush_on(spdlog::level::warn);
}

Log::~Log() {
  logger_->flush();
  logger_.reset();
  threads_.reset();  // joins its thread after the last line
}

void Log::Write(LogLevel level, std::string_view message, Fields fields) {
  if (!enabled(level)) return;
  const std::string line = json_ ? RenderJson(message, fields) : RenderText(message, fields);
  logger_->log(ToSpdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace kith::telemetry
