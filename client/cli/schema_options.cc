#include "client/cli/schema_options.h"

#include <map>
#include <set>

#include "client/cli/exit_code.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

// The words are those that the JSON output shows. CLI11 has checked them: at() finds every one.
v1::Metric MetricOf(const std::string& word) {
  static const auto* const kMetrics =
      new std::map<std::string, v1::Metric>{{"", v1::METRIC_UNSPECIFIED},
                                            {"cosine", v1::METRIC_COSINE},
                                            {"dot", v1::METRIC_DOT},
                                            {"l2", v1::METRIC_L2}};
  return kMetrics->at(word);
}

v1::SplitterKind SplitterKindOf(const std::string& word) {
  static const auto* const kKinds =
      new std::map<std::string, v1::SplitterKind>{{"markdown", v1::SPLITTER_KIND_MARKDOWN},
                                                  {"sentences", v1::SPLITTER_KIND_SENTENCES},
                                                  {"none", v1::SPLITTER_KIND_NONE}};
  return kKinds->at(word);
}

v1::Quantization QuantizationOf(const std::string& word) {
  static const auto* const kQuantizations =
      new std::map<std::string, v1::Quantization>{{"auto", v1::QUANTIZATION_AUTO},
                                                  {"int4", v1::QUANTIZATION_INT4},
                                                  {"int8", v1::QUANTIZATION_INT8},
                                                  {"f16", v1::QUANTIZATION_F16},
                                                  {"f32", v1::QUANTIZATION_F32}};
  return kQuantizations->at(word);
}

}  // namespace

v1::Durability DurabilityOf(const std::string& word) {
  static const auto* const kDurabilities =
      new std::map<std::string, v1::Durability>{{"", v1::DURABILITY_UNSPECIFIED},
                                                {"synced", v1::DURABILITY_SYNCED},
                                                {"applied", v1::DURABILITY_APPLIED}};
  return kDurabilities->at(word);
}

void AddDurabilityFlag(CLI::App& app, std::string& durability) {
  app.add_option("--durability", durability,
                 "Acknowledge writes when they are on disk (synced, the default) or when they are "
                 "applied: faster, but a power cut may take the last moments")
      ->check(CLI::IsMember(std::set<std::string>{"synced", "applied"}));
}

void SplitterFlags::AddTo(CLI::App& app) {
  app.add_option("--splitter", kind,
                 "How texts are cut into passages: at Markdown headings and sentence ends "
                 "(markdown, the default), at sentence ends, or not at all")
      ->check(CLI::IsMember(std::set<std::string>{"markdown", "sentences", "none"}));
  app.add_option("--max-tokens", max_tokens, "Most tokens of a passage (default 256)")
      ->type_name("N");
  app.add_option("--overlap-tokens", overlap_tokens,
                 "Tokens of whole sentences repeated in the next passage (default 32)")
      ->type_name("N");
}

void SplitterFlags::ApplyTo(v1::SplitterOptions& options) const {
  if (!kind.empty()) options.set_kind(SplitterKindOf(kind));
  if (max_tokens) options.set_max_tokens(*max_tokens);
  if (overlap_tokens) options.set_overlap_tokens(*overlap_tokens);
}

void IndexFlags::AddTo(CLI::App& app) {
  app.add_option("--quantization", quantization,
                 "How the index codes vectors to find candidates; scores are exact all the same "
                 "(default: auto)")
      ->check(CLI::IsMember(std::set<std::string>{"auto", "int4", "int8", "f16", "f32"}));
  app.add_option("--m", m, "Edges of a node of the index's graphs (default 16)")->type_name("N");
  app.add_option("--ef-construction", ef_construction,
                 "Candidates looked at for them while building (default 200)")
      ->type_name("N");
}

void IndexFlags::ApplyTo(v1::IndexOptions& options) const {
  if (!quantization.empty()) options.set_quantization(QuantizationOf(quantization));
  if (m) options.set_m(*m);
  if (ef_construction) options.set_ef_construction(*ef_construction);
}

void TextIndexFlags::AddTo(CLI::App& app) {
  auto* off_option = app.add_flag("--no-text-index", off, "Texts are not searched by their words");
  app.add_option("--language", language,
                 "Of the texts, whose words are stemmed: english (the default), german, ...; or "
                 "none")
      ->type_name("LANGUAGE")
      ->excludes(off_option);
  app.add_flag("--remove-stop-words", remove_stop_words,
               "Leave the most frequent words of the language out of the text index")
      ->excludes(off_option);
  app.add_option("--unindexed", unindexed_fields,
                 "A metadata field that is never filtered by; repeatable")
      ->type_name("FIELD")
      ->allow_extra_args(false);
}

void TextIndexFlags::ApplyTo(v1::Collection& collection) const {
  if (off || !language.empty() || remove_stop_words) {
    v1::TextIndexOptions& options = *collection.mutable_options()->mutable_text_index();
    if (off) options.set_enabled(false);
    options.set_language(language);
    options.set_remove_stop_words(remove_stop_words);
  }
  for (const std::string& field : unindexed_fields) {
    collection.mutable_options()->add_unindexed_fields(field);
  }
}

void SchemaFlags::AddTo(CLI::App& app) {
  auto* encoder_option =
      app.add_option("--encoder", encoder,
                     "The model that turns text into vectors (default: the server's; see `kith "
                     "models`)")
          ->type_name("MODEL");
  app.add_option("--dimension", dimension,
                 "Without encoder: documents and questions bring vectors of so many values")
      ->type_name("N")
      ->excludes(encoder_option);
  app.add_option("--encoder-dimensions", encoder_dimensions,
                 "Keep the first N values of the encoder's, for Matryoshka models (default: all)")
      ->type_name("N");
  app.add_option("--metric", metric, "How vectors are compared (default: cosine)")
      ->check(CLI::IsMember(std::set<std::string>{"cosine", "dot", "l2"}));
  app.add_option("--description", description, "For people")->type_name("TEXT");
  AddDurabilityFlag(app, durability);
  app.add_option("--expected-passages", expected_passages,
                 "Passages it is meant for: refused now if their index cannot fit into memory")
      ->type_name("N");
  splitter.AddTo(app);
  index.AddTo(app);
  text_index.AddTo(app);
}

absl::StatusOr<v1::CreateCollectionRequest> SchemaFlags::Request(client::Client& client,
                                                                 const std::string& name) const {
  v1::CreateCollectionRequest request;
  v1::Collection& collection = *request.mutable_collection();
  collection.set_name(name);
  collection.set_description(description);
  // Without any of them the server decides, which knows its default encoder.
  if (dimension || !metric.empty() || !encoder.empty() || encoder_dimensions || index.given()) {
    v1::VectorSpace& space = *collection.add_vector_spaces();
    space.set_metric(MetricOf(metric));
    space.set_dimension(dimension.value_or(0));
    space.set_encoder(encoder);
    space.set_encoder_dimensions(encoder_dimensions.value_or(0));
    if (!dimension && encoder.empty()) {
      KITH_ASSIGN_OR_RETURN(const auto info, client.GetServerInfo());
      if (info.default_encoder().empty()) {
        return UsageError("the server has no default encoder: give --encoder or --dimension");
      }
      space.set_encoder(info.default_encoder());
    }
    if (index.given()) index.ApplyTo(*space.mutable_index());
  }
  if (expected_passages) request.set_expected_passage_count(*expected_passages);
  if (splitter.given()) splitter.ApplyTo(*collection.mutable_options()->mutable_splitter());
  if (!durability.empty()) {
    collection.mutable_options()->set_default_durability(DurabilityOf(durability));
  }
  text_index.ApplyTo(collection);
  return request;
}

}  // namespace kith::cli
