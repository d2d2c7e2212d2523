#include "server/rpc/encoder_service.h"

#include <iterator>
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

absl::Status CheckTexts(const google::protobuf::RepeatedPtrField<std::string>& texts, size_t most,
                        const engine::Limits& limits) {
  KITH_RETURN_IF_ERROR(CheckCount(static_cast<size_t>(texts.size()), most, "texts"));
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

void WriteEncoder(const encoder::EncoderInfo& info, v1::Model* out) {
  out->set_kind(v1::MODEL_KIND_ENCODER);
  out->set_name(info.name);
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
  out->set_kernels(info.kernels);
  out->set_parameter_count(info.parameters);
}

void WriteCrossEncoder(const encoder::CrossEncoderInfo& info, v1::Model* out) {
  out->set_kind(v1::MODEL_KIND_CROSS_ENCODER);
  out->set_name(info.name);
  out->set_max_tokens(static_cast<uint32_t>(info.max_tokens));
  out->set_artifact_hash(info.artifact_hash);
  out->set_architecture(info.architecture);
  out->set_precision(info.precision);
  out->set_kernels(info.kernels);
  out->set_parameter_count(info.parameters);
}

void WriteModel(const engine::LoadedModel& model, v1::Model* out) {
  if (model.encoder != nullptr) {
    WriteEncoder(model.encoder->info(), out);
  } else {
    WriteCrossEncoder(model.cross_encoder->info(), out);
  }
  out->set_is_default(model.is_default);
  out->set_memory_bytes(model.memory_bytes);
  out->set_collection_count(model.collections);
}

void WriteEmbeddings(const engine::EncodedTexts& encoded, v1::EncodeResponse* out) {
  const size_t count = encoded.token_counts.size();
  const size_t dimension = count == 0 ? 0 : encoded.embeddings.size() / count;
  uint64_t tokens = 0, dropped = 0;
  for (size_t i = 0; i < count; ++i) {
    v1::Embedding* embedding = out->add_embeddings();
    const float* row = encoded.embeddings.data() + i * dimension;
    embedding->mutable_vector()->mutable_f32_le()->assign(reinterpret_cast<const char*>(row),
                                                          dimension * sizeof(float));
    embedding->mutable_vector()->set_dimension(static_cast<uint32_t>(dimension));
    embedding->set_token_count(encoded.token_counts[i]);
    embedding->set_truncated(encoded.dropped_counts[i] > 0);
    embedding->set_dropped_token_count(encoded.dropped_counts[i]);
    tokens += encoded.token_counts[i];
    dropped += encoded.dropped_counts[i];
  }
  out->mutable_usage()->set_encoded_token_count(tokens);
  out->mutable_usage()->set_dropped_token_count(dropped);
}

void WriteReranked(const engine::RerankAnswer& answer, v1::RerankResponse* out) {
  for (const engine::RerankAnswer::Text& text : answer.texts) {
    v1::RerankResult* result = out->add_results();
    result->set_index(text.index);
    result->set_score(text.score);
    result->set_token_count(text.tokens);
    result->set_dropped_token_count(text.dropped);
  }
  out->mutable_usage()->set_encoded_token_count(answer.tokens);
  out->mutable_usage()->set_dropped_token_count(answer.dropped);
}

}  // namespace

grpc::ServerUnaryReactor* EncoderService::ListModels(Context* context, const Bytes* request,
                                                     Bytes* response) {
  return Unary<v1::ListModelsRequest, v1::ListModelsResponse>::Run(
      gate_, "EncoderService/ListModels", context, request, response,
      [](const auto& call) -> absl::Status {
        // The folder of models is read.
        return OnExecutor(call, [](auto& call) -> absl::Status {
          const engine::ModelList list = call.database().ListModels();
          for (const engine::LoadedModel& model : list.loaded) {
            WriteModel(model, call.response()->add_models());
          }
          for (const std::string& name : list.unloaded) {
            call.response()->add_unloaded_names(name);
          }
          return absl::OkStatus();
        });
      });
}

grpc::ServerUnaryReactor* EncoderService::Encode(Context* context, const Bytes* request,
                                                 Bytes* response) {
  return Unary<v1::EncodeRequest, v1::EncodeResponse>::Run(
      gate_, "EncoderService/Encode", context, request, response,
      [](const auto& call) -> absl::Status {
        const v1::EncodeRequest& request = call->request();
        const engine::Limits& limits = call->database().limits();
        KITH_RETURN_IF_ERROR(CheckTexts(request.texts(), limits.encode_texts, limits));
        KITH_ASSIGN_OR_RETURN(const auto role, ReadRole(request.role()));
        KITH_ASSIGN_OR_RETURN(const auto truncation,
                              ReadTruncation(request.truncation(), "truncation"));
        KITH_ASSIGN_OR_RETURN(auto encoder,
                              call->database().encoders().FindTruncated(
                                  request.model(), request.dimensions(), "dimensions"));
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
        const engine::Limits& limits = call->database().limits();
        KITH_RETURN_IF_ERROR(CheckTexts(call->request().texts(), limits.encode_texts, limits));
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

grpc::ServerUnaryReactor* EncoderService::Rerank(Context* context, const Bytes* request,
                                                 Bytes* response) {
  return Unary<v1::RerankRequest, v1::RerankResponse>::Run(
      gate_, "EncoderService/Rerank", context, request, response,
      [](const auto& call) -> absl::Status {
        v1::RerankRequest& request = call->request();
        const engine::Limits& limits = call->database().limits();
        KITH_RETURN_IF_ERROR(CheckTexts(request.texts(), limits.rerank_texts, limits));
        KITH_RETURN_IF_ERROR(CheckText(request.query(), limits, "query"));
        KITH_ASSIGN_OR_RETURN(const auto truncation,
                              ReadTruncation(request.truncation(), "truncation"));
        auto model = call->database().encoders().FindCrossEncoder(request.model());
        if (!model.ok()) return InField(std::move(model).status(), "model");
        call->response()->set_model((*model)->info().name);
        // Rerank tokenises where it is called.
        return call->database().executor().Submit(
            call->call(), [call, truncation, model = *std::move(model)](absl::Status status) {
              if (!status.ok()) return call->Finish(std::move(status));
              v1::RerankRequest& request = call->request();
              engine::RerankRequest rerank;
              rerank.model = model;
              rerank.query = std::move(*request.mutable_query());
              rerank.texts.assign(std::make_move_iterator(request.mutable_texts()->begin()),
                                  std::make_move_iterator(request.mutable_texts()->end()));
              rerank.limit = request.limit();
              rerank.raw_scores = request.raw_scores();
              rerank.truncation = truncation;
              call->database().encoders().Rerank(
                  std::move(rerank), call->call(),
                  [call](absl::StatusOr<engine::RerankAnswer> answer) {
                    if (answer.ok()) WriteReranked(*answer, call->response());
                    call->Finish(answer.status());
                  });
            });
      });
}

}  // namespace kith::rpc
