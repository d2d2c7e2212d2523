// The header's JSON is read event by event, so that nothing is built but the tensors themselves: a
// header of 16 MiB of nested arrays fails at its first bracket out of place.

#include <set>
#include <utility>

#include "encoder/invalid_model.h"
#include "encoder/safetensors.h"
#include "nlohmann/json.hpp"

namespace kith::encoder {
namespace {

using nlohmann::json;

constexpr size_t kMaxNameBytes = 1024;

// The value `false` tells the parser to stop; why is in error().
class HeaderReader final : public nlohmann::json_sax<json> {
 public:
  explicit HeaderReader(std::string_view file) : file_(file) {}

  TensorMap& tensors() { return tensors_; }
  const std::string& error() const { return error_; }

  bool start_object(std::size_t) override {
    switch (state_) {
      case State::kBegin:
        return Go(State::kTensorNames);
      case State::kTensorValue:
        seen_.clear();
        return Go(State::kTensorKeys);
      case State::kMetadataValue:
        return Go(State::kMetadata);
      default:
        return Unexpected("an object");
    }
  }

  bool end_object() override {
    switch (state_) {
      case State::kTensorNames:
        return Go(State::kEnd);
      case State::kTensorKeys:
        if (seen_.size() != 3) {
          return Fail("tensor {}: needs dtype, shape and data_offsets", Quoted(name_));
        }
        tensors_.emplace(name_, std::move(entry_));
        entry_ = TensorEntry();
        return Go(State::kTensorNames);
      case State::kMetadata:
        return Go(State::kTensorNames);
      default:
        return Unexpected("the end of an object");
    }
  }

  bool key(std::string& key) override {
    switch (state_) {
      case State::kTensorNames:
        return TensorName(key);
      case State::kTensorKeys:
        return TensorKey(key);
      case State::kMetadata:
        return true;
      default:
        return Unexpected("a key");
    }
  }

  bool string(std::string& value) override {
    if (state_ == State::kMetadata) return true;
    if (state_ != State::kDtype) return Unexpected("a string");
    entry_.dtype = value.substr(0, 16);
    return Go(State::kTensorKeys);
  }

  bool start_array(std::size_t) override {
    if (state_ == State::kShape) return Go(State::kShapeItems);
    if (state_ == State::kOffsets) return Go(State::kOffsetItems);
    return Unexpected("an array");
  }

  bool end_array() override {
    if (state_ == State::kShapeItems) return Go(State::kTensorKeys);
    if (state_ != State::kOffsetItems) return Unexpected("the end of an array");
    if (offsets_ != 2) return Fail("tensor {}: data_offsets must be two numbers", Quoted(name_));
    return Go(State::kTensorKeys);
  }

  bool number_unsigned(json::number_unsigned_t value) override {
    if (state_ == State::kShapeItems) {
      if (entry_.shape.size() == Safetensors::kMaxRank) {
        return Fail("tensor {}: more than {} dimensions", Quoted(name_), Safetensors::kMaxRank);
      }
      entry_.shape.push_back(value);
      return true;
    }
    if (state_ == State::kOffsetItems && offsets_ < 2) {
      (offsets_ == 0 ? entry_.begin : entry_.end) = value;
      ++offsets_;
      return true;
    }
    return Unexpected("a number");
  }

  bool number_integer(json::number_integer_t) override { return Unexpected("a negative number"); }
  bool number_float(json::number_float_t, const std::string&) override {
    return Unexpected("a fraction, or a number beyond 64 bits,");
  }
  bool null() override { return Unexpected("null"); }
  bool boolean(bool) override { return Unexpected("true or false"); }
  bool binary(json::binary_t&) override { return Unexpected("binary data"); }

  bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
    return Fail("not valid JSON at byte {}", position);
  }

 private:
  enum class State {
    kBegin,
    kTensorNames,  // inside the outermost object
    kTensorValue,  // a tensor's name was read
    kTensorKeys,   // inside a tensor's object
    kDtype,        // "dtype" was read
    kShape,        // "shape" was read
    kShapeItems,
    kOffsets,  // "data_offsets" was read
    kOffsetItems,
    kMetadataValue,  // "__metadata__" was read
    kMetadata,
    kEnd,
  };

  bool Go(State next) {
    state_ = next;
    return true;
  }

  bool TensorName(const std::string& name) {
    if (name.size() > kMaxNameBytes) {
      return Fail("a tensor's name has {} bytes, at most {}", name.size(), kMaxNameBytes);
    }
    if (name == "__metadata__") {
      if (std::exchange(metadata_seen_, true)) return Fail("__metadata__ appears twice");
      return Go(State::kMetadataValue);
    }
    if (tensors_.contains(name)) return Fail("tensor {} appears twice", Quoted(name));
    if (tensors_.size() == Safetensors::kMaxTensors) {
      return Fail("more than {} tensors", Safetensors::kMaxTensors);
    }
    name_ = name;
    return Go(State::kTensorValue);
  }

  bool TensorKey(const std::string& key) {
    if (key != "dtype" && key != "shape" && key != "data_offsets") {
      return Fail("tensor {}: unknown key {}", Quoted(name_), Quoted(key));
    }
    if (!seen_.insert(key).second) return Fail("tensor {}: {} appears twice", Quoted(name_), key);
    offsets_ = 0;
    return Go(key == "dtype" ? State::kDtype : key == "shape" ? State::kShape : State::kOffsets);
  }

  bool Unexpected(std::string_view what) {
    return name_.empty() ? Fail("{} where the format has none", what)
                         : Fail("tensor {}: {} where the format has none", Quoted(name_), what);
  }

  template <typename... Args>
  bool Fail(fmt::format_string<Args...> format, Args&&... args) {
    error_ = fmt::format("{}: header: ", file_) + fmt::format(format, std::forward<Args>(args)...);
    return false;
  }

  const std::string_view file_;
  State state_ = State::kBegin;
  TensorMap tensors_;
  std::string name_;  // of the tensor being read, or the last one
  TensorEntry entry_;
  std::set<std::string> seen_;  // keys of that tensor
  int offsets_ = 0;             // read of data_offsets
  bool metadata_seen_ = false;
  std::string error_;
};

}  // namespace

absl::StatusOr<TensorMap> ParseSafetensorsHeader(std::string_view header, std::string_view file) {
  HeaderReader reader(file);
  if (!json::sax_parse(header.begin(), header.end(), &reader)) {
    return InvalidModel("{}", reader.error());
  }
  return std::move(reader.tensors());
}

}  // namespace kith::encoder
