// SentencePiece's model file is a protocol buffer (sentencepiece_model.proto of that project). Read
// here are the fields that decide, by their numbers:
//
//   ModelProto       1 pieces, repeated | 2 trainer_spec | 3 normalizer_spec
//   SentencePiece    1 piece, string | 2 score, float | 3 type: 1 normal (the default), 2 unknown,
//                    3 control, 4 user-defined, 5 unused, 6 byte
//   TrainerSpec      3 model_type: 1 Unigram (the default), 2 BPE, ...
//   NormalizerSpec   2 precompiled_charsmap | 3 add_dummy_prefix | 4 remove_extra_whitespaces |
//                    5 escape_whitespaces, all true by default

#include <bit>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>

#include "encoder/input_file.h"
#include "encoder/invalid_model.h"
#include "encoder/json_file.h"
#include "encoder/tokenizer_files.h"
#include "encoder/tokenizer_options.h"
#include "encoder/utf8.h"
#include "kith/base/status_macros.h"

namespace kith::encoder {
namespace {

constexpr uint64_t kMaxFileBytes = 32 << 20;

constexpr SpecialNames kXlmRobertaNames = {"<unk>",
                                           "<s>",
                                           "</s>",
                                           "<pad>",
                                           "<mask>",
                                           /*mask_takes_space=*/true};

// Walks over the fields of one message.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  // False at the end, and where the bytes are no message: see ok().
  bool Next() {
    if (rest_.empty() || !ok_) return false;
    uint64_t key = 0;
    ok_ = Varint(&key) && key >> 3 != 0;
    field_ = key >> 3;
    number_ = 0;
    bytes_ = {};
    switch (key & 7) {
      case 0:
        ok_ = ok_ && Varint(&number_);
        break;
      case 1:
        ok_ = ok_ && Fixed(8);
        break;
      case 2: {
        uint64_t size = 0;
        ok_ = ok_ && Varint(&size) && size <= rest_.size();
        if (!ok_) break;
        bytes_ = rest_.substr(0, size);
        rest_.remove_prefix(size);
        break;
      }
      case 5:
        ok_ = ok_ && Fixed(4);
        break;
      default:
        ok_ = false;
    }
    return ok_;
  }

  bool ok() const { return ok_; }
  uint64_t field() const { return field_; }
  uint64_t number() const { return number_; }        // of a varint or fixed field
  std::string_view bytes() const { return bytes_; }  // of a length-delimited one
  float number_as_float() const { return std::bit_cast<float>(static_cast<uint32_t>(number_)); }

 private:
  bool Varint(uint64_t* value) {
    *value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_[0]);
      rest_.remove_prefix(1);
      *value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }
  bool Fixed(size_t size) {
    if (rest_.size() < size) return false;
    for (size_t i = 0; i < size; ++i) {
      number_ |= static_cast<uint64_t>(static_cast<unsigned char>(rest_[i])) << 8 * i;
    }
    rest_.remove_prefix(size);
    return true;
  }

  std::string_view rest_;
  bool ok_ = true;
  uint64_t field_ = 0;
  uint64_t number_ = 0;
  std::string_view bytes_;
};

enum class PieceType : uint64_t { kNormal = 1, kUnknown = 2, kControl = 3 };

struct Piece {
  std::string text;
  float score = 0;
  PieceType type = PieceType::kNormal;
};

absl::Status NotAModel() {
  return InvalidModel("{}: is not a SentencePiece model", kSentencePieceModel);
}

absl::StatusOr<Piece> ReadPiece(std::string_view bytes) {
  Piece piece;
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 1) piece.text = reader.bytes();
    if (reader.field() == 2) piece.score = reader.number_as_float();
    if (reader.field() == 3) piece.type = static_cast<PieceType>(reader.number());
  }
  if (!reader.ok() || !IsValidUtf8(piece.text)) return NotAModel();
  if (piece.type != PieceType::kNormal && piece.type != PieceType::kUnknown &&
      piece.type != PieceType::kControl) {
    return InvalidModel(
        "{}: piece {} has the type {}; supported are normal, unknown and control pieces",
        kSentencePieceModel, Quoted(piece.text), static_cast<uint64_t>(piece.type));
  }
  return piece;
}

absl::Status ReadTrainer(std::string_view bytes) {
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 3 && reader.number() != 1) {
      return InvalidModel("{}: the model's type is {}; supported is Unigram, 1",
                          kSentencePieceModel, reader.number());
    }
  }
  return reader.ok() ? absl::OkStatus() : NotAModel();
}

absl::Status ReadNormalizer(std::string_view bytes, UnigramConfig* config) {
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 2) config->charsmap = reader.bytes();
    if (reader.field() >= 3 && reader.field() <= 5 && reader.number() == 0) {
      return InvalidModel(
          "{}: its normaliser adds no mark before words, or keeps white space; not supported",
          kSentencePieceModel);
    }
  }
  return reader.ok() ? absl::OkStatus() : NotAModel();
}

}  // namespace

absl::StatusOr<UnigramConfig> ReadSentencePiece(const std::filesystem::path& dir) {
  KITH_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(dir / kSentencePieceModel));
  KITH_ASSIGN_OR_RETURN(const std::string content, file.ReadAll(kMaxFileBytes));
  KITH_ASSIGN_OR_RETURN(const JsonFile options,
                        JsonFile::ReadIfExists(dir, "tokenizer_config.json"));
  constexpr std::string_view kClasses[] = {"XLMRobertaTokenizer", "XLMRobertaTokenizerFast"};
  KITH_RETURN_IF_ERROR(CheckTokenizerClass(options, kSentencePieceModel, kClasses));

  UnigramConfig config;
  const auto add = [&](std::string text, double score, bool in_model) {
    config.vocabulary.push_back({std::move(text), in_model});
    config.scores.push_back(score);
  };
  // The ids of fairseq. In the file <unk>, <s> and </s> come first, in this order.
  for (const char* text : {"<s>", "<pad>", "</s>", "<unk>"}) add(text, 0, /*in_model=*/false);
  WireReader reader(content);
  while (reader.Next()) {
    if (reader.field() == 2) KITH_RETURN_IF_ERROR(ReadTrainer(reader.bytes()));
    if (reader.field() == 3) KITH_RETURN_IF_ERROR(ReadNormalizer(reader.bytes(), &config));
    if (reader.field() != 1) continue;
    if (config.vocabulary.size() >= Vocabulary::kMaxSize) {
      return InvalidModel("{}: more than {} pieces", kSentencePieceModel, Vocabulary::kMaxSize);
    }
    KITH_ASSIGN_OR_RETURN(Piece piece, ReadPiece(reader.bytes()));
    if (piece.type != PieceType::kNormal) continue;
    add(std::move(piece.text), piece.score, /*in_model=*/true);
  }
  if (!reader.ok()) return NotAModel();
  add("<mask>", 0, /*in_model=*/false);

  std::unordered_map<std::string_view, int32_t> ids;
  for (const Vocabulary::Entry& entry : config.vocabulary) {
    if (!ids.emplace(entry.text, static_cast<int32_t>(ids.size())).second) {
      return InvalidModel("{}: the piece {} is there twice", kSentencePieceModel,
                          Quoted(entry.text));
    }
  }
  KITH_RETURN_IF_ERROR(
      ReadSpecialTokens(options, kSentencePieceModel, ids, kXlmRobertaNames, &config));
  config.special.pair_separators = 2;
  return config;
}

}  // namespace kith::encoder
