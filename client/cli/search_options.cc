#include "client/cli/search_options.h"

#include "client/cli/exit_code.h"
#include "client/cli/text_layout.h"
#include "client/cli/vector_file.h"
#include "kith/base/status_macros.h"

namespace kith::cli {

void ModeFlags::AddFusionTo(CLI::App& app) {
  app.add_option("--fusion", fusion,
                 "With hybrid: how the two rankings become one (default: the server's choice)")
      ->check(CLI::IsMember({"rrf", "weighted"}));
  app.add_option("--weights", weights, "With --fusion: what meaning and words count")
      ->type_name("MEANING,WORDS")
      ->delimiter(',')
      ->expected(2)
      ->allow_extra_args(false);
  app.add_option("--rrf-k", rrf_k, "With --fusion rrf: how little the first ranks stand out (60)")
      ->type_name("K");
  app.add_option("--normalisation", normalisation, "With --fusion weighted: of scores (min-max)")
      ->check(CLI::IsMember({"none", "min-max", "z-score"}));
  app.add_option("--candidates", candidates, "With hybrid: best passages of each that are fused")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  // Not one flag with a negation: CLI11 2.1 sets an optional to false when neither is given.
  app.add_flag_callback(
      "--fill-in", [this] { fill_in = true; },
      "With hybrid: score by both what only one of the two has found (default: "
      "unless --fusion is given)");
  app.add_flag_callback(
      "--no-fill-in", [this] { fill_in = false; }, "With hybrid: do not");
}

absl::Status ModeFlags::Fuse(v1::HybridQuery& hybrid) const {
  if (fusion == "rrf") {
    v1::RrfFusion& rrf = *hybrid.mutable_rrf();
    if (rrf_k) rrf.set_k(*rrf_k);
    for (const double weight : weights) rrf.add_weights(weight);
  } else if (fusion == "weighted") {
    v1::WeightedFusion& weighted = *hybrid.mutable_weighted();
    for (const double weight : weights) weighted.add_weights(weight);
    if (normalisation == "none") weighted.set_normalisation(v1::SCORE_NORMALISATION_NONE);
    if (normalisation == "min-max") weighted.set_normalisation(v1::SCORE_NORMALISATION_MIN_MAX);
    if (normalisation == "z-score") weighted.set_normalisation(v1::SCORE_NORMALISATION_Z_SCORE);
  }
  if (!weights.empty() && fusion.empty()) return UsageError("--weights needs --fusion");
  if (rrf_k && fusion != "rrf") return UsageError("--rrf-k needs --fusion rrf");
  if (!normalisation.empty() && fusion != "weighted") {
    return UsageError("--normalisation needs --fusion weighted");
  }
  hybrid.set_candidates(candidates);
  if (fill_in) hybrid.set_fill_in(*fill_in);
  return absl::OkStatus();
}

absl::Status ModeFlags::Ask(const std::string& text, v1::Query& query) const {
  if (mode == SearchMode::kHybrid) {
    v1::HybridQuery& hybrid = *query.mutable_hybrid();
    hybrid.add_parts()->set_text(text);
    hybrid.add_parts()->mutable_lexical()->set_text(text);
    return Fuse(hybrid);
  }
  if (!fusion.empty() || !weights.empty() || rrf_k || !normalisation.empty() || candidates != 0 ||
      fill_in) {
    return UsageError(
        "--fusion, --weights, --rrf-k, --normalisation, --candidates and --fill-in are for hybrid "
        "searches");
  }
  if (mode == SearchMode::kLexical) {
    query.mutable_lexical()->set_text(text);
  } else {
    query.set_text(text);
  }
  return absl::OkStatus();
}

absl::Status SearchFlags::SetQuery(v1::Query& query) const {
  const bool has_text = text_option->count() > 0;
  const bool by_examples = !like.empty() || !unlike.empty();
  if (has_text + by_examples + !vector_file.empty() != 1) {
    return UsageError("ask by one of TEXT, --like DOCUMENT_ID and --vector-file FILE");
  }
  if (!has_text && (lexical || hybrid)) {
    return UsageError("--lexical and --hybrid are for questions of words: give TEXT");
  }
  if (!by_examples && best_score) return UsageError("--best-score is for --like and --unlike");
  if (has_text) {
    if (!IsUtf8(text)) return UsageError("the question is not UTF-8");
    ModeFlags asked = mode;
    if (lexical) asked.mode = SearchMode::kLexical;
    if (hybrid) asked.mode = SearchMode::kHybrid;
    return asked.Ask(text, query);
  }
  if (!vector_file.empty()) {
    KITH_ASSIGN_OR_RETURN(*query.mutable_vector(), ReadVector(vector_file));
    return absl::OkStatus();
  }
  if (like.empty()) return UsageError("--unlike needs a --like: what is wanted");
  if (like.size() == 1 && unlike.empty() && !best_score) {
    query.set_document_id(like[0]);
    return absl::OkStatus();
  }
  v1::RecommendQuery& recommend = *query.mutable_recommend();
  for (const std::string& id : like) recommend.add_positive()->set_document_id(id);
  for (const std::string& id : unlike) recommend.add_negative()->set_document_id(id);
  if (best_score) recommend.set_method(v1::RECOMMEND_METHOD_BEST_SCORE);
  return absl::OkStatus();
}

void SearchFlags::SetShape(v1::SearchRequest& request) const {
  request.set_limit(limit);
  request.set_offset(offset);
  if (group_by == "document") request.set_group_by(v1::GROUP_BY_DOCUMENT);
  if (!group_field.empty()) {
    request.set_group_by(v1::GROUP_BY_FIELD);
    request.set_group_field(group_field);
  }
  if (request.group_by() != v1::GROUP_BY_UNSPECIFIED) request.set_passages_per_group(passages);
  if (diversify) {
    request.mutable_diversify()->set_lambda(*diversify);
    request.mutable_diversify()->set_pool(pool);
  }
  if (score_min) request.set_score_min(*score_min);
  if (rerank) {
    request.mutable_rerank()->set_model(*rerank);
    request.mutable_rerank()->set_depth(rerank_depth);
  }
  request.set_explain(explain);
  v1::SearchSelector& select = *request.mutable_select();
  select.set_text(true);
  select.set_metadata(fields.empty());
  for (const std::string& field : fields) select.add_fields(field);
  select.set_vectors(vectors);
}

absl::StatusOr<v1::SearchRequest> SearchFlags::Request() const {
  v1::SearchRequest request;
  request.set_collection(collection);
  KITH_RETURN_IF_ERROR(SetQuery(*request.mutable_query()));
  if (!filter.empty()) {
    if (!IsUtf8(filter)) return UsageError("the filter is not UTF-8");
    request.set_filter(filter);
  }
  if (tuning.given()) tuning.ApplyTo(*request.mutable_tuning());
  SetShape(request);
  return request;
}

void SearchFlags::AddTo(CLI::App& app) {
  app.add_option("collection", collection, "The collection")->type_name("COLLECTION")->required();
  text_option = app.add_option("text", text, "The question")->type_name("TEXT");
  auto* lexical_option = app.add_flag("--lexical", lexical, "Ask by the words of TEXT (BM25)");
  app.add_flag("--hybrid", hybrid, "Ask by the meaning and the words of TEXT")
      ->excludes(lexical_option);
  mode.AddFusionTo(app);
  app.add_option("--like", like, "Ask by a stored document instead; repeatable")
      ->type_name("DOCUMENT_ID")
      ->allow_extra_args(false);
  app.add_option("--unlike", unlike, "With --like: but not as this one; repeatable")
      ->type_name("DOCUMENT_ID")
      ->allow_extra_args(false);
  app.add_flag("--best-score", best_score,
               "With --like: each asks, the best score counts (default: their average asks)");
  app.add_option("--vector-file", vector_file, "Ask by a vector: a file with a JSON list")
      ->type_name("FILE");
  app.add_option("--filter", filter, "Only documents whose metadata passes, as 'year >= 2020'")
      ->type_name("FILTER");
  app.add_option("--limit", limit, "Most hits")->type_name("N")->capture_default_str();
  app.add_option("--offset", offset, "Best hits to skip")->type_name("N");
  auto* group = app.add_option("--group-by", group_by, "What a hit is: passage or document")
                    ->check(CLI::IsMember({"passage", "document"}))
                    ->capture_default_str();
  app.add_option("--group-by-field", group_field, "A hit is a value of this keyword field")
      ->type_name("FIELD")
      ->excludes(group);
  app.add_option("--passages", passages, "With --group-by document or a field: passages of each")
      ->type_name("N")
      ->capture_default_str();
  auto* diverse = app.add_option("--diversify", diversify,
                                 "Hits that differ: 1 only fit, 0 only differ (try 0.5)")
                      ->type_name("LAMBDA");
  app.add_option("--pool", pool, "With --diversify: best candidates to choose from")
      ->type_name("N")
      ->needs(diverse);
  app.add_option("--score-min", score_min, "Leave out hits with a lower score")->type_name("SCORE");
  auto* judged =
      app.add_option("--rerank", rerank, "Have this cross-encoder judge the best hits once more")
          ->type_name("MODEL");
  app.add_option("--rerank-depth", rerank_depth,
                 "With --rerank: hits that are judged (50, or limit + offset)")
      ->type_name("N")
      ->needs(judged);
  tuning.AddTo(app);
  app.add_flag("--explain", explain, "Say how the answer was found, and how long each step took");
  app.add_option("--fields", fields, "With --json: of the metadata only these keys")
      ->type_name("KEY,...")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_flag("--vectors", vectors, "With --json: also the vectors");
  app.add_option("--lines", lines, "Most lines of text shown of a passage")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
}

}  // namespace kith::cli
