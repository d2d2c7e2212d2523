#include "server/rpc/encoder_service.h"

#include <string>
#include <utility>
#include <vector>

#include "encoder/encoder.h"
#include "encoder/tokenizer.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/rpc/translate_common.h"
#include "server/rpc/unary.h"

namespace kith::rpc {
namespace {

absl::Status CheckText(std::string_view text, const engine::Limits& limits,
                       const std::string& field) {
  if (text.size() > limits.text_bytes) {
    return InvalidArgument(reason::kTextTooLong, "{}: {} bytes, at most {}", field, text.size(),
                           limits.text_bytes)
        .Field(field)
        .With("actual", text.size())
        .With("limit", limits.text_bytes);
  }
  return absl::OkStatus();
}

absl::Status CheckTexts(const google::protobuf::RepeatedPtrField<std::string>& texts,
                        const engine::Limits& limits) {
  KITH_RETURN_IF_ERROR(CheckCount(static_cast<size_t>(texts.size()), limits.encode_texts, "texts"));
  for (int i = 0; i < texts.size(); ++i) {
    KITH_RETURN_IF_ERROR(CheckText(texts[i], limits, fmt::format("texts[{}]", i)));
  }
  return absl::OkStatus();
}

absl::StatusOr<encoder::Role> ReadRole(int value) {
  switch (value) {
    case v1::TEXT_ROLE_UNSPECIFIED:
    case v1::TEXT_ROLE_PASSAGE:
      return encoder::Role::kPassage;
    case v1::TEXT_ROLE_QUERY:
      return encoder::Role::kQuery;
  }
  return InvalidArgument(reason::kInvalidRequest,
                         "role: {} is no value of TextRole that this server knows", value)
      .Field("role");
}

void WriteModel(const encoder::EncoderInfo& info, bool is_default, v1::Model* out) {
  out->set_name(info.name);
  out->set_is_default(is_default);
  out->set_dimension(static_cast<uint32_t>(info.dimension));
  out->set_max_tokens(static_cast<uint32_t>(info.max_tokens));
  out->set_artifact_hash(info.artifact_hash);
  out->set_fingerprint(info.space_hash);
  out->set_architecture(info.architecture);
  out->set_normalised(info.normalised);
  out->set_pooling(std::string(encoder::PoolingName(info.pooling)));
  out->set_query_prompt(info.query_prompt);
  out->set_passage_prompt(info.passage_prompt);
  out->set_precision(info.precision);
  out->set_parameter_count(info.parameters);
  out->set_memory_bytes(info.memory_bytes);
}

void WriteEmbeddings(const engine::EncodedTexts& encoded, v1::EncodeResponse* out) {
  const size_t count = encoded.token_counts.size();
  const size_t dimension = count == 0 ? 0 : encoded.embeddings.size() / count;
  for (size_t i = 0; i < count; ++i) {
    v1::Embedding* embedding = out->add_embeddings();
    const float* row = encoded.embeddings.data() + i * dimension;
    embedding->mutable_vector()->mutable_f32_le()->assign(reinterpret_cast<const char*>(row),
                                                          dimension * sizeof(float));
    embedding->mutable_vector()->set_dimension(static_cast<uint32_t>(dimension));
    embedding->set_token_count(encoded.token_counts[i]);
    embedding->set_truncated(encoded.truncated[i]);
  }
}

}  // namespace

grpc::ServerUnaryReactor* EncoderService::ListModels(Context* context, const Bytes* request,
                                                     Bytes* response) {
  return Unary<v1::ListModelsRequest, v1::ListModelsResponse>::Run(
      gate_, "EncoderService/ListModels", context, request, response,
      [](const auto& call) -> absl::Status {
        engine::Encoders& encoders = call->database().encoders();
        const std::string default_name = encoders.default_name();
        // The default comes first; another model may bear the same name.
        bool first = !default_name.empty();
        for (const engine::EncoderRef& encoder : encoders.List()) {
          WriteModel(encoder->info(), first, call->response()->add_models());
          first = false;
        }
        call->Finish(absl::OkStatus());
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* EncoderService::Encode(Context* context, const Bytes* request,
                                                 Bytes* response) {
  return Unary<v1::EncodeRequest, v1::EncodeResponse>::Run(
      gate_, "EncoderService/Encode", context, request, response,
      [](const auto& call) -> absl::Status {
        const v1::EncodeRequest& request = call->request();
        KITH_RETURN_IF_ERROR(CheckTexts(request.texts(), call->database().limits()));
        KITH_ASSIGN_OR_RETURN(const auto role, ReadRole(request.role()));
        KITH_ASSIGN_OR_RETURN(const auto truncation,
                              ReadTruncation(request.truncation(), "truncation"));
        KITH_ASSIGN_OR_RETURN(auto encoder, call->database().encoders().Find(request.model()));
        call->response()->set_fingerprint(encoder->info().space_hash);
        // Encode tokenises where it is called.
        return call->database().executor().Submit(
            call->call(),
            [call, role, truncation, encoder = std::move(encoder)](absl::Status status) {
              if (!status.ok()) return call->Finish(std::move(status));
              const auto& texts = call->request().texts();
              call->database().encoders().Encode(
                  encoder, std::vector<std::string>(texts.begin(), texts.end()), role, truncation,
                  call->call(), [call](absl::StatusOr<engine::EncodedTexts> encoded) {
                    if (encoded.ok()) WriteEmbeddings(*encoded, call->response());
                    call->Finish(encoded.status());
                  });
            });
      });
}

grpc::ServerUnaryReactor* EncoderService::Tokenize(Context* context, const Bytes* request,
                                                   Bytes* response) {
  return Unary<v1::TokenizeRequest, v1::TokenizeResponse>::Run(
      gate_, "EncoderService/Tokenize", context, request, response,
      [](const auto& call) -> absl::Status {
        KITH_RETURN_IF_ERROR(CheckTexts(call->request().texts(), call->database().limits()));
        KITH_ASSIGN_OR_RETURN(auto encoder,
                              call->database().encoders().Find(call->request().model()));
        return OnExecutor(call, [encoder = std::move(encoder)](auto& call) -> absl::Status {
          const encoder::Tokenizer& tokenizer = encoder->tokenizer();
          std::vector<encoder::Token> tokens;
          for (const std::string& text : call.request().texts()) {
            KITH_RETURN_IF_ERROR(call.call()->Check());
            tokenizer.Tokenize(text, &tokens);
            v1::TokenizedText* out = call.response()->add_texts();
            out->mutable_tokens()->Reserve(static_cast<int>(tokens.size()));
            for (const encoder::Token& token : tokens) {
              v1::Token* item = out->add_tokens();
              item->set_id(static_cast<uint32_t>(token.id));
              item->set_token(std::string(tokenizer.TokenText(token.id)));
              item->set_begin_byte(token.begin);
              item->set_end_byte(token.end);
            }
          }
          return absl::OkStatus();
        });
      });
}

grpc::ServerUnaryReactor* EncoderService::SplitText(Context* context, const Bytes* request,
                                                    Bytes* response) {
  return Unary<v1::SplitTextRequest, v1::SplitTextResponse>::Run(
      gate_, "EncoderService/SplitText", context, request, response,
      [](const auto& call) -> absl::Status {
        const engine::Limits& limits = call->database().limits();
        KITH_RETURN_IF_ERROR(CheckText(call->request().text(), limits, "text"));
        absl::StatusOr<engine::SplitterOptions> splitter = ReadSplitter(call->request().splitter());
        if (!splitter.ok()) return InField(std::move(splitter).status(), "splitter");
        KITH_ASSIGN_OR_RETURN(auto encoder,
                              call->database().encoders().Find(call->request().model()));
        return OnExecutor(call,
                          [encoder = std::move(encoder),
                           splitter = *std::move(splitter)](auto& call) -> absl::Status {
                            KITH_ASSIGN_OR_RETURN(
                                const auto passages,
                                engine::SplitText(*encoder, call.request().text(), splitter,
                                                  call.database().limits()));
                            for (const engine::Passage& passage : passages) {
                              WritePassage(passage, call.response()->add_passages());
                            }
                            return absl::OkStatus();
                          });
      });
}

}  // namespace kith::rpc
