#include "index/metadata/timestamp.h"

#include <chrono>

#include "fmt/format.h"

namespace kith::index {
namespace {

constexpr int64_t kSecond = 1'000'000;

// Reads a text from the left; once something did not fit, all that follows fails.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  // A number of exactly that many digits, at most `max`.
  int64_t Digits(size_t count, int64_t max) {
    int64_t value = 0;
    for (size_t i = 0; i < count; ++i) {
      if (!AtDigit()) {
        good_ = false;
        return 0;
      }
      value = value * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    good_ = good_ && value <= max;
    return value;
  }

  bool AtDigit() const { return !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; }

  // Whether the next character is one of these, which is then behind us.
  bool Skip(std::string_view any) {
    if (rest_.empty() || any.find(rest_.front()) == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void Expect(std::string_view any) { good_ = Skip(any) && good_; }

  bool good() const { return good_; }
  bool done() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

// The digits behind the point, as microseconds; at least one digit.
int64_t Fraction(Scanner& in) {
  int64_t micros = 0;
  int64_t unit = kSecond / 10;
  do {
    micros += in.Digits(1, 9) * unit;
    unit /= 10;
  } while (in.good() && in.AtDigit());
  return micros;
}

// Seconds east of Greenwich.
int64_t Offset(Scanner& in) {
  if (in.Skip("Zz")) return 0;
  const bool west = in.Skip("-");
  if (!west) in.Expect("+");
  const int64_t hours = in.Digits(2, 23);
  in.Expect(":");
  const int64_t seconds = hours * 3600 + in.Digits(2, 59) * 60;
  return west ? -seconds : seconds;
}

// Of the years 0001 to 9999.
constexpr int64_t kFirst = -62'135'596'800 * kSecond;
constexpr int64_t kEnd = 253'402'300'800 * kSecond;

}  // namespace

std::optional<Timestamp> ParseTimestamp(std::string_view text) {
  using std::chrono::year_month_day;
  Scanner in(text);
  const auto year = static_cast<int>(in.Digits(4, 9999));
  in.Expect("-");
  const auto month = static_cast<unsigned>(in.Digits(2, 12));
  in.Expect("-");
  const auto day = static_cast<unsigned>(in.Digits(2, 31));
  in.Expect("Tt ");
  int64_t seconds = in.Digits(2, 23) * 3600;
  in.Expect(":");
  seconds += in.Digits(2, 59) * 60;
  in.Expect(":");
  seconds += in.Digits(2, 59);
  const int64_t micros = in.Skip(".") ? Fraction(in) : 0;
  seconds -= Offset(in);
  const year_month_day date{std::chrono::year(year), std::chrono::month(month),
                            std::chrono::day(day)};
  if (!in.done() || !date.ok()) return std::nullopt;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const Timestamp time{(days * 86'400 + seconds) * kSecond + micros};
  if (time.micros < kFirst || time.micros >= kEnd) return std::nullopt;
  return time;
}

std::string FormatTimestamp(Timestamp time) {
  using std::chrono::sys_days;
  const std::chrono::sys_time<std::chrono::microseconds> point{
      std::chrono::microseconds(time.micros)};
  const sys_days day = std::chrono::floor<std::chrono::days>(point);
  const std::chrono::year_month_day date{day};
  const int64_t micros = (point - day).count();
  const int64_t seconds = micros / kSecond;
  std::string out =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (micros % kSecond != 0) {
    out += fmt::format(".{:06}", micros % kSecond);
    while (out.back() == '0') out.pop_back();
  }
  return out + "Z";
}

}  // namespace kith::index
