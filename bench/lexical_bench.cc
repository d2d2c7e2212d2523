// Lexical search (BM25): how good its answers are on judged sets, and how fast it is beside scans
// of all postings in the same run, on one thread. Times are of the processor, not of the clock.
//
//   lexical_bench quality DIR...
//     DIR holds corpus.jsonl {"_id", "title", "text"}, queries.jsonl {"_id", "text"} and qrels.tsv
//     (query-id, corpus-id, score). Prints nDCG@10 (gain 2^score - 1) without stemming and with it;
//     a document is one row: its title and its text.
//
//   lexical_bench speed PASSAGES.jsonl QUERIES.jsonl... [--rows N] [--queries N]
//     PASSAGES.jsonl: {"title", "text"} a line, a row each; QUERIES.jsonl: {"text"} or {"query"} or
//     {"title"}, of which N = 500 are taken evenly. Files may be pipes: <(zstd -dc x.jsonl.zst).

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <queue>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "index/terms/analyser.h"
#include "index/terms/posting_list.h"
#include "index/terms/term_index_builder.h"
#include "index/terms/term_search.h"
#include "nlohmann/json.hpp"

namespace {

using namespace kith::index;  // NOLINT: a program of its own
using kith::Call;

double ProcessorSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

[[noreturn]] void Die(const std::string& message) {
  fmt::print(stderr, "lexical_bench: {}\n", message);
  std::exit(1);
}

std::vector<nlohmann::json> ReadJsonLines(const std::string& path, size_t most) {
  std::ifstream file(path);
  if (!file) Die("cannot read " + path);
  std::vector<nlohmann::json> lines;
  for (std::string line; lines.size() < most && std::getline(file, line);) {
    auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object()) Die(path + ": a line is no JSON object");
    lines.push_back(std::move(json));
  }
  return lines;
}

std::string WholeText(const nlohmann::json& document) {
  return document.value("title", "") + "\n" + document.value("text", "");
}

struct Index {
  std::string image;
  TermIndex index;
};

Index Freeze(TermIndexBuilder& builder) {
  auto image = builder.Build();
  if (!image.ok()) Die(std::string(image.status().message()));
  Index made = {.image = *std::move(image), .index = {}};
  auto index = TermIndex::Parse(std::as_bytes(std::span(made.image.data(), made.image.size())));
  if (!index.ok()) Die(std::string(index.status().message()));
  made.index = *index;
  return made;
}

// --- Quality.

using Judgements = std::map<std::string, std::map<std::string, int>>;

Judgements ReadJudgements(const std::string& path) {
  std::ifstream file(path);
  if (!file) Die("cannot read " + path);
  Judgements judgements;
  std::string line;
  std::getline(file, line);  // the head
  while (std::getline(file, line)) {
    const size_t first = line.find('\t');
    const size_t second = line.find('\t', first + 1);
    if (second == std::string::npos) Die(path + ": a line of less than three columns");
    judgements[line.substr(0, first)][line.substr(first + 1, second - first - 1)] =
        std::atoi(line.c_str() + second + 1);
  }
  return judgements;
}

double Dcg(const std::vector<int>& grades) {
  double sum = 0;
  for (size_t i = 0; i < grades.size() && i < 10; ++i) {
    sum += (std::exp2(grades[i]) - 1) / std::log2(static_cast<double>(i) + 2);
  }
  return sum;
}

double MeasureNdcg(const std::string& folder, const AnalyserOptions& options) {
  const auto analyser = TermAnalyser::Create(options);
  if (!analyser.ok()) Die(std::string(analyser.status().message()));
  TermIndexBuilder builder((*analyser)->identity());
  std::vector<std::string> ids;
  for (const auto& document : ReadJsonLines(folder + "/corpus.jsonl", SIZE_MAX)) {
    builder.Add((*analyser)->Analyse(WholeText(document)));
    ids.push_back(document.value("_id", ""));
  }
  const Index made = Freeze(builder);
  const Judgements judgements = ReadJudgements(folder + "/qrels.tsv");
  TermSearchScratch scratch;
  double sum = 0;
  size_t queries = 0;
  for (const auto& query : ReadJsonLines(folder + "/queries.jsonl", SIZE_MAX)) {
    const auto judged = judgements.find(query.value("_id", ""));
    if (judged == judgements.end()) continue;
    const std::vector<TermSource> sources = {{.sealed = &made.index}};
    const auto match = TermMatch::Create((*analyser)->Analyse(query.value("text", "")), sources);
    if (!match.ok()) Die(std::string(match.status().message()));
    const auto result =
        SearchTerms(*match, match->statistics(), {.k = 10}, Call::Background(), scratch);
    std::vector<int> found, ideal;
    for (const TermHit& hit : result->hits) {
      const auto grade = judged->second.find(ids[hit.slot]);
      found.push_back(grade == judged->second.end() ? 0 : grade->second);
    }
    for (const auto& [id, grade] : judged->second) ideal.push_back(grade);
    std::sort(ideal.rbegin(), ideal.rend());
    if (Dcg(ideal) == 0) continue;
    sum += Dcg(found) / Dcg(ideal);
    ++queries;
  }
  return queries == 0 ? 0 : sum / static_cast<double>(queries);
}

int Quality(const std::vector<std::string>& folders) {
  fmt::print("nDCG@10, a document = title and text in one row\n");
  fmt::print("{:<24} {:>10} {:>10} {:>18}\n", "", "none", "english", "english, no stops");
  for (const std::string& folder : folders) {
    fmt::print("{:<24} {:>10.4f} {:>10.4f} {:>18.4f}\n",
               folder.substr(folder.find_last_of('/') + 1),
               MeasureNdcg(folder, {.language = "none"}), MeasureNdcg(folder, {}),
               MeasureNdcg(folder, {.remove_stop_words = true}));
  }
  return 0;
}

// --- Speed.

// The plainest scan: a sum for every row, term by term, then the k best of them.
class PlainScan {
 public:
  explicit PlainScan(uint32_t rows) : sums_(rows) {}

  // The score of the last hit, so that nothing is computed in vain.
  double Run(const TermIndex& index, const RowTerms& query, const CorpusStatistics& corpus,
             uint32_t k) {
    const double average = corpus.average_length();
    uint32_t slots[kBlockPostings], tfs[kBlockPostings];
    for (size_t t = 0; t < query.size(); ++t) {
      const PostingList list = index.Find(query.term(t));
      const double weight = Bm25Idf(corpus.rows, corpus.term_rows[t]);
      for (uint32_t block = 0; block < list.blocks(); ++block) {
        list.Decode(block, slots, tfs);
        for (uint32_t i = 0; i < list.block_size(block); ++i) {
          const double tf = static_cast<int32_t>(tfs[i]);
          sums_[slots[i]] +=
              weight * tf / (tf + 1.2 * (0.25 + 0.75 * index.length(slots[i]) / average));
        }
      }
    }
    std::priority_queue<double, std::vector<double>, std::greater<>> best;
    for (double& sum : sums_) {
      if (sum > 0 && (best.size() < k || sum > best.top())) {
        best.push(sum);
        if (best.size() > k) best.pop();
      }
      sum = 0;
    }
    return best.empty() ? 0 : best.top();
  }

 private:
  std::vector<double> sums_;
};

struct Times {
  double search = 0, scan = 0, plain = 0;
  std::vector<double> each;
  uint64_t postings = 0, scored = 0, looked_up = 0, windows = 0, windows_read = 0;
};

Times MeasureQueries(const TermIndex& index, const std::vector<RowTerms>& queries) {
  Times times;
  TermSearchScratch scratch;
  PlainScan plain(index.rows());
  const std::vector<TermSource> sources = {{.sealed = &index}};
  for (const RowTerms& query : queries) {
    // The best of three each, in turn.
    double best[3] = {1e9, 1e9, 1e9};
    std::vector<TermHit> hits[2];
    for (int round = 0; round < 3; ++round) {
      for (const bool prune : {true, false}) {
        const double begin = ProcessorSeconds();
        const auto match = TermMatch::Create(query, sources);
        const auto result = SearchTerms(*match, match->statistics(), {.k = 10, .prune = prune},
                                        Call::Background(), scratch);
        const double taken = ProcessorSeconds() - begin;
        best[prune ? 0 : 1] = std::min(best[prune ? 0 : 1], taken);
        hits[prune ? 0 : 1] = result->hits;
        if (prune && round == 0) {
          times.postings += result->postings;
          times.scored += result->postings_scored;
          times.looked_up += result->postings_looked_up;
          times.windows += result->windows;
          times.windows_read += result->windows_read;
        }
      }
      const auto match = TermMatch::Create(query, sources);
      const double begin = ProcessorSeconds();
      const double last = plain.Run(index, query, match->statistics(), 10);
      best[2] = std::min(best[2], ProcessorSeconds() - begin);
      if (!hits[0].empty() && std::fabs(last - hits[0].back().score) > 1e-5 * last) {
        Die(fmt::format("the plain scan's last score is {}, not {}", last, hits[0].back().score));
      }
    }
    if (hits[0] != hits[1]) Die("pruning changed an answer");
    times.search += best[0];
    times.scan += best[1];
    times.plain += best[2];
    times.each.push_back(best[0]);
  }
  std::sort(times.each.begin(), times.each.end());
  return times;
}

std::vector<RowTerms> ReadQueries(const std::string& path, size_t most,
                                  const TermAnalyser& analyser) {
  const auto lines = ReadJsonLines(path, SIZE_MAX);
  std::vector<RowTerms> queries;
  for (size_t i = 0; i < std::min(most, lines.size()); ++i) {
    const auto& line = lines[i * lines.size() / std::min(most, lines.size())];
    const char* field = line.contains("query")                               ? "query"
                        : line.contains("text") && !line.contains("section") ? "text"
                                                                             : "title";
    queries.push_back(analyser.Analyse(line.value(field, "")));
  }
  return queries;
}

int Speed(const std::vector<std::string>& files, size_t most_rows, size_t most_queries) {
  const auto analyser = TermAnalyser::Create({});
  TermIndexBuilder builder((*analyser)->identity());
  double analyse = 0, text_bytes = 0;
  {
    std::ifstream file(files[0]);
    if (!file) Die("cannot read " + files[0]);
    for (std::string line; builder.rows() < most_rows && std::getline(file, line);) {
      const std::string text = WholeText(nlohmann::json::parse(line));
      text_bytes += static_cast<double>(text.size());
      const double begin = ProcessorSeconds();
      const RowTerms row = (*analyser)->Analyse(text);
      analyse += ProcessorSeconds() - begin;
      builder.Add(row);
    }
  }
  const size_t builder_bytes = builder.memory_bytes();
  const double begin = ProcessorSeconds();
  auto image = builder.Build();
  const double build = ProcessorSeconds() - begin;
  if (!image.ok()) Die(std::string(image.status().message()));
  const double parse_begin = ProcessorSeconds();
  const auto index = TermIndex::Parse(std::as_bytes(std::span(image->data(), image->size())));
  const double parse = ProcessorSeconds() - parse_begin;
  if (!index.ok()) Die(std::string(index.status().message()));
  fmt::print("{} rows, {:.1f} MB of text, {:.1f} terms a row, {} different ones; {}\n",
             index->rows(), text_bytes / 1e6,
             static_cast<double>(index->total_length()) / index->rows(), index->terms(),
             index->analyser());
  fmt::print(
      "analysed at {:.1f} MB/s; built in {:.2f} s out of {:.1f} MB; image {:.1f} MB, parsed "
      "in {:.3f} s\n",
      text_bytes / analyse / 1e6, build, static_cast<double>(builder_bytes) / 1e6,
      static_cast<double>(image->size()) / 1e6, parse);
  fmt::print(
      "k 10, one thread, processor time; x: beside a scan of all postings, in windows | plain\n");
  fmt::print("{:<30} {:>7} {:>6} {:>9} {:>9} {:>9} {:>8} {:>8}  {}\n", "queries", "count", "terms",
             "q/s", "p50 us", "p99 us", "x scan", "x plain", "postings read");
  Times all;
  for (size_t i = 1; i < files.size(); ++i) {
    const std::vector<RowTerms> queries = ReadQueries(files[i], most_queries, **analyser);
    const Times t = MeasureQueries(*index, queries);
    double terms = 0;
    for (const RowTerms& query : queries) terms += static_cast<double>(query.size());
    const double n = static_cast<double>(queries.size());
    fmt::print(
        "{:<30} {:>7} {:>6.1f} {:>9.0f} {:>9.0f} {:>9.0f} {:>8.2f} {:>8.2f}  {:.1f} % + {:.1f} % "
        "looked up, windows {:.1f} %\n",
        files[i].substr(files[i].find_last_of('/') + 1), queries.size(), terms / n, n / t.search,
        1e6 * t.each[t.each.size() / 2], 1e6 * t.each[t.each.size() * 99 / 100], t.scan / t.search,
        t.plain / t.search, 100.0 * static_cast<double>(t.scored) / static_cast<double>(t.postings),
        100.0 * static_cast<double>(t.looked_up) / static_cast<double>(t.postings),
        100.0 * static_cast<double>(t.windows_read) / static_cast<double>(t.windows));
    all.search += t.search;
    all.scan += t.scan;
    all.plain += t.plain;
    all.each.insert(all.each.end(), t.each.begin(), t.each.end());
  }
  fmt::print("{:<30} {:>7} {:>6} {:>9.0f} {:>9} {:>9} {:>8.2f} {:>8.2f}\n", "all", all.each.size(),
             "", static_cast<double>(all.each.size()) / all.search, "", "", all.scan / all.search,
             all.plain / all.search);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  size_t rows = SIZE_MAX, queries = 500;
  for (size_t i = 0; i + 1 < arguments.size();) {
    if (arguments[i] != "--rows" && arguments[i] != "--queries") {
      ++i;
      continue;
    }
    (arguments[i] == "--rows" ? rows : queries) =
        std::strtoull(arguments[i + 1].c_str(), nullptr, 10);
    arguments.erase(arguments.begin() + static_cast<ptrdiff_t>(i),
                    arguments.begin() + static_cast<ptrdiff_t>(i) + 2);
  }
  const std::string mode = arguments.empty() ? "" : arguments[0];
  if (!arguments.empty()) arguments.erase(arguments.begin());
  if (mode == "quality" && !arguments.empty()) return Quality(arguments);
  if (mode == "speed" && arguments.size() >= 2 && rows > 0 && queries > 0) {
    return Speed(arguments, rows, queries);
  }
  fmt::print(stderr,
             "lexical_bench quality DIR...\n"
             "lexical_bench speed PASSAGES.jsonl QUERIES.jsonl... [--rows N] [--queries N]\n");
  return 2;
}
