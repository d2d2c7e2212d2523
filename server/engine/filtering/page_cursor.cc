#include "server/engine/filtering/page_cursor.h"

#include <cmath>
#include <cstring>

#include "kith/base/error.h"

namespace kith::engine {
namespace {

// A byte that says what the value is, 8 bytes of ordinal, 2 of vector space, the value.
enum class Tag : char { kNone = 0, kKeyword = 1, kInt64 = 2, kDouble = 3, kBool = 4, kTime = 5 };

template <typename T>
void Put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

template <typename T>
bool Take(std::string_view& bytes, T& value) {
  if (bytes.size() < sizeof(value)) return false;
  std::memcpy(&value, bytes.data(), sizeof(value));
  bytes.remove_prefix(sizeof(value));
  return true;
}

struct PutValue {
  std::string& out;

  void operator()(const std::string& value) const { out += value; }
  void operator()(index::Timestamp value) const { Put(out, value.micros); }
  void operator()(bool value) const { out += value ? '\1' : '\0'; }
  template <typename T>
  void operator()(T value) const {
    Put(out, value);
  }
};

// The value, if the bytes are just that.
std::optional<index::ScalarValue> TakeValue(Tag tag, std::string_view bytes) {
  int64_t integer = 0;
  double number = 0;
  char flag = 0;
  switch (tag) {
    case Tag::kKeyword:
      return std::string(bytes);
    case Tag::kInt64:
      if (Take(bytes, integer) && bytes.empty()) return integer;
      break;
    case Tag::kDouble:
      if (Take(bytes, number) && bytes.empty() && std::isfinite(number)) return number;
      break;
    case Tag::kBool:
      if (Take(bytes, flag) && bytes.empty() && (flag == 0 || flag == 1)) return flag == 1;
      break;
    case Tag::kTime:
      if (Take(bytes, integer) && bytes.empty()) return index::Timestamp{integer};
      break;
    case Tag::kNone:
      break;
  }
  return std::nullopt;
}

}  // namespace

std::string EncodeCursor(const PageCursor& cursor) {
  std::string out;
  out += cursor.value.has_value() ? static_cast<char>(cursor.value->index() + 1) : '\0';
  Put(out, cursor.first_ordinal);
  Put(out, cursor.space);
  if (cursor.value.has_value()) std::visit(PutValue{out}, *cursor.value);
  return out;
}

absl::StatusOr<PageCursor> DecodeCursor(std::string_view bytes) {
  PageCursor cursor;
  char tag = 0;
  bool good = Take(bytes, tag) && Take(bytes, cursor.first_ordinal) && Take(bytes, cursor.space) &&
              cursor.first_ordinal < UINT64_MAX;
  if (good && tag == 0) {
    good = bytes.empty();
  } else if (good) {
    cursor.value = TakeValue(static_cast<Tag>(tag), bytes);
    good = cursor.value.has_value();
  }
  if (good) return cursor;
  return InvalidArgument(reason::kInvalidPageToken, "page_token is not of a listing in this order")
      .Field("page_token");
}

}  // namespace kith::engine
