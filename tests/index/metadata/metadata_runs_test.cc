// A segment's metadata against a plain list of rows, under appends, updates and folds: filters,
// heads, rows, stamps, facets, orders.

#include "index/metadata/metadata_runs.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "index/metadata/evaluate.h"
#include "index/metadata/facets.h"
#include "index/metadata/field_order.h"
#include "index/metadata/field_values.h"
#include "index/metadata/fold_metadata.h"
#include "index/metadata/metadata_builder.h"
#include "tests/index/metadata/rows.h"

namespace kith::index {
namespace {

// The runs of a segment, and beside them what they should say.
class Segment {
 public:
  explicit Segment(Random& random) : random_(random) {}

  void Append(size_t documents) {
    MetadataBuilder builder;
    for (size_t i = 0; i < documents; ++i) {
      const MetadataRow row = ARow(random_);
      const auto passages = static_cast<uint32_t>(Below(random_, 3) + 1);
      builder.AddDocument(size(), passages, row);
      first_.push_back(size());
      for (uint32_t p = 0; p < passages; ++p) slots_.push_back({row, p == 0, 0});
    }
    runs_ = runs_.With(builder.Build());
  }

  void Update(size_t documents) {
    std::vector<uint32_t> chosen;
    for (size_t i = 0; i < documents; ++i) chosen.push_back(first_[Below(random_, first_.size())]);
    std::sort(chosen.begin(), chosen.end());
    chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
    MetadataBuilder builder(++sequence_);
    for (const uint32_t first : chosen) {
      const MetadataRow row = ARow(random_);
      uint32_t end = first + 1;
      while (end < size() && !slots_[end].head) ++end;
      builder.AddDocument(first, end - first, row);
      for (uint32_t s = first; s < end; ++s) slots_[s] = {row, s == first, sequence_};
    }
    runs_ = runs_.With(builder.Build());
  }

  // The next generation, as a sealed segment has it; some documents are gone.
  void Fold(bool drop) {
    std::vector<bool> keep(size(), true);
    for (size_t d = 0; drop && d < first_.size(); ++d) {
      const uint32_t end = d + 1 < first_.size() ? first_[d + 1] : size();
      const bool stays = d == 0 || Below(random_, 8) != 0;
      for (uint32_t s = first_[d]; s < end; ++s) keep[s] = stays;
    }
    const MetadataSource source{
        .runs = &runs_, .visible = size(), .keep = [&](uint32_t slot) { return keep[slot]; }};
    const auto image = std::make_shared<const std::string>(FoldMetadata({&source, 1}).value());
    std::vector<Slot> left;
    for (uint32_t s = 0; s < size(); ++s) {
      if (keep[s]) left.push_back(slots_[s]);
    }
    slots_ = left;
    first_.clear();
    for (uint32_t s = 0; s < size(); ++s) {
      if (slots_[s].head) first_.push_back(s);
    }
    const auto base = MetadataIndex::Parse(std::as_bytes(std::span(*image)), image, size());
    ASSERT_TRUE(base.ok()) << base.status();
    runs_ = MetadataRuns(*base);
  }

  // --- Everything that runs answer.

  void CheckRows() const {
    const SlotSet heads = runs_.Heads(size());
    for (uint32_t s = 0; s < size(); ++s) {
      ASSERT_EQ(runs_.Row(s), Canonical(slots_[s].row)) << s;
      ASSERT_EQ(heads.Contains(s), slots_[s].head) << s;
      ASSERT_GE(runs_.StampOf(s), slots_[s].sequence) << s;
    }
  }

  void CheckFilter(const Filter& filter) const {
    const auto resolved = ResolveFilter(filter, LookUp);
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    // Fewer slots than the runs cover: those of an older View.
    const auto visible = static_cast<uint32_t>(Below(random_, size()) + 1);
    for (const uint32_t seen : {size(), visible}) {
      const auto slots = Evaluate(*resolved, runs_, seen, Call::Background());
      ASSERT_TRUE(slots.ok());
      ASSERT_EQ(slots->size(), seen);
      for (uint32_t s = 0; s < seen; ++s) {
        ASSERT_EQ(slots->Contains(s), IsTrueOf(filter, slots_[s].row)) << s << " of " << seen;
      }
    }
  }

  SlotSet SomeSlots() const {
    const size_t one_in = std::vector<size_t>{1, 2, 20, 200}[Below(random_, 4)];
    std::vector<uint32_t> slots;
    for (uint32_t s = 0; s < size(); ++s) {
      if (Below(random_, one_in) == 0) slots.push_back(s);
    }
    return SlotSet::Of(size(), slots);
  }

  void CheckFacets(const std::string& field) const {
    const SlotSet allowed = SomeSlots();
    const auto less = [](const ScalarValue& a, const ScalarValue& b) {
      return CompareValues(ViewOf(a), ViewOf(b)) < 0;
    };
    std::map<ScalarValue, std::pair<uint64_t, uint64_t>, decltype(less)> expected(less);
    uint64_t documents = 0;
    for (uint32_t s = 0; s < size(); ++s) {
      if (!allowed.Contains(s)) continue;
      const MetadataRow row = Canonical(slots_[s].row);
      if (row.contains(field)) documents += slots_[s].head ? 1 : 0;
      for (const ScalarValue& value : ValuesOf(row, field)) {
        auto& [heads, passages] = expected[value];
        heads += slots_[s].head ? 1 : 0;
        ++passages;
      }
    }
    FacetCounter counter(field);
    // In two segments' worth of calls.
    std::vector<uint32_t> even, odd;
    allowed.ForEach([&](uint32_t s) { (s % 2 == 0 ? even : odd).push_back(s); });
    ASSERT_TRUE(counter.Add(runs_, SlotSet::Of(size(), even), Call::Background()).ok());
    ASSERT_TRUE(counter.Add(runs_, SlotSet::Of(size(), odd), Call::Background()).ok());
    ASSERT_EQ(counter.documents(), documents);
    const std::vector<FacetCount> top = counter.Top(SIZE_MAX);
    ASSERT_EQ(top.size(), expected.size()) << field;
    ASSERT_EQ(counter.values(), expected.size());
    for (size_t i = 0; i < top.size(); ++i) {
      const auto& [heads, passages] = expected.at(top[i].value);
      ASSERT_EQ(top[i].documents, heads);
      ASSERT_EQ(top[i].passages, passages);
      if (i == 0) continue;
      ASSERT_GE(top[i - 1].documents, top[i].documents);
      if (top[i - 1].documents == top[i].documents) {
        ASSERT_TRUE(less(top[i - 1].value, top[i].value));
      }
    }
    ASSERT_EQ(counter.Top(3).size(), std::min<size_t>(3, top.size()));
  }

  void CheckOrder(const std::string& field) const {
    const bool descending = Below(random_, 2) == 0;
    const SlotSet allowed = SomeSlots();
    struct Entry {
      uint32_t slot;
      std::optional<ScalarValue> value;
    };
    std::vector<Entry> expected;
    allowed.ForEach([&](uint32_t s) {
      const std::vector<ScalarValue> values = ValuesOf(Canonical(slots_[s].row), field);
      std::optional<ScalarValue> value;
      if (!values.empty()) value = descending ? values.back() : values.front();
      expected.push_back({s, value});
    });
    std::stable_sort(expected.begin(), expected.end(), [&](const Entry& a, const Entry& b) {
      if (!a.value.has_value() || !b.value.has_value()) {
        return a.value.has_value() && !b.value.has_value();
      }
      const auto order = CompareValues(ViewOf(*a.value), ViewOf(*b.value));
      return descending ? order > 0 : order < 0;
    });
    // From the beginning, and from behind some entry.
    for (size_t from = 0; from <= expected.size();
         from += Below(random_, expected.size() + 1) + 1) {
      FieldOrder::Options options{.descending = descending};
      if (from > 0) {
        options.after = {expected[from - 1].value, expected[from - 1].slot + 1};
      }
      FieldOrder order(runs_, field, options, allowed);
      for (size_t i = from; i < expected.size(); ++i) {
        ASSERT_TRUE(order.Next()) << field;
        ASSERT_EQ(order.slot(), expected[i].slot) << field << " " << i << " from " << from;
        ASSERT_EQ(order.value().has_value(), expected[i].value.has_value());
        if (order.value().has_value()) {
          ASSERT_TRUE(CompareValues(*order.value(), ViewOf(*expected[i].value)) == 0);
        }
      }
      ASSERT_FALSE(order.Next());
    }
  }

  void CheckValues(const std::string& field) const {
    const FieldValues values(runs_, field);
    for (uint32_t s = 0; s < size(); ++s) {
      const std::vector<ScalarValue> expected = ValuesOf(Canonical(slots_[s].row), field);
      std::vector<ScalarValue> got;
      values.ForEach(s, [&](const ValueView& value) { got.push_back(ScalarOf(value)); });
      ASSERT_EQ(got, expected) << s;
      const auto first = values.First(s);
      ASSERT_EQ(first.has_value(), !expected.empty());
      if (first.has_value()) {
        ASSERT_EQ(ScalarOf(*first), expected.front());
        ASSERT_TRUE(values.any());
      }
    }
  }

  const MetadataRuns& runs() const { return runs_; }
  uint32_t size() const { return static_cast<uint32_t>(slots_.size()); }

 private:
  struct Slot {
    MetadataRow row;
    bool head;
    uint64_t sequence;
  };

  static std::vector<ScalarValue> ValuesOf(const MetadataRow& row, const std::string& field) {
    const auto found = row.find(field);
    if (found == row.end()) return {};
    if (const auto* list = std::get_if<std::vector<std::string>>(&found->second)) {
      return {list->begin(), list->end()};
    }
    const MetadataValue& value = found->second;
    if (const auto* text = std::get_if<std::string>(&value)) return {*text};
    if (const auto* integer = std::get_if<int64_t>(&value)) return {*integer};
    if (const auto* number = std::get_if<double>(&value)) return {*number};
    if (const auto* flag = std::get_if<bool>(&value)) return {*flag};
    return {std::get<Timestamp>(value)};
  }

  Random& random_;
  MetadataRuns runs_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> first_;  // slots of documents
  uint64_t sequence_ = 0;
};

void CheckEverything(Segment& segment, Random& random, int filters) {
  segment.CheckRows();
  for (int i = 0; i < filters; ++i) segment.CheckFilter(AFilter(random, 3));
  for (const FieldOfTest& field : Fields()) {
    segment.CheckFacets(field.name);
    segment.CheckOrder(field.name);
    segment.CheckValues(field.name);
  }
}

TEST(MetadataRunsTest, AgreeWithAListOfRowsUnderAppendsUpdatesAndFolds) {
  constexpr uint64_t kSeed = 51;
  Random random(kSeed);
  SCOPED_TRACE(fmt::format("seed {}", kSeed));
  for (int round = 0; round < 40; ++round) {
    Segment segment(random);
    segment.Append(1);
    for (int step = 0; step < 12; ++step) {
      switch (Below(random, 8)) {
        case 0:
          segment.Fold(Below(random, 2) == 0);
          break;
        case 1:
        case 2:
          segment.Append(Below(random, 40) + 1);
          break;
        case 3:
          segment.Append(1);
          break;
        default:
          segment.Update(Below(random, 10) + 1);
      }
      ASSERT_NO_FATAL_FAILURE(CheckEverything(segment, random, 10));
    }
  }
}

TEST(MetadataRunsTest, AgreeWithAListOfRowsWhereColumnsHavePostings) {
  constexpr uint64_t kSeed = 52;
  Random random(kSeed);
  SCOPED_TRACE(fmt::format("seed {}", kSeed));
  Segment segment(random);
  segment.Append(5000);
  segment.Append(3000);
  ASSERT_NO_FATAL_FAILURE(CheckEverything(segment, random, 100));
  segment.Update(300);
  ASSERT_NO_FATAL_FAILURE(segment.Fold(true));
  segment.Update(30);
  segment.Update(200);
  ASSERT_NO_FATAL_FAILURE(CheckEverything(segment, random, 100));
}

TEST(MetadataRunsTest, ThereAreFewOfThemHoweverRowsCome) {
  constexpr uint64_t kSeed = 53;
  Random random(kSeed);
  Segment segment(random);
  for (int i = 0; i < 700; ++i) {
    if (i % 5 == 4) {
      segment.Update(1);
    } else {
      segment.Append(1);
    }
    const auto runs = segment.runs().runs();
    ASSERT_LE(runs.size(), 2 + std::log2(segment.size() + 1)) << "seed " << kSeed;
    for (size_t r = 1; r < runs.size(); ++r) ASSERT_GT(runs[r - 1]->rows(), runs[r]->rows());
  }
  ASSERT_NO_FATAL_FAILURE(segment.CheckRows());
}

TEST(MetadataRunsTest, TheBaseStaysAsItIsAndOlderValuesStayToo) {
  constexpr uint64_t kSeed = 54;
  Random random(kSeed);
  Segment segment(random);
  segment.Append(50);
  ASSERT_NO_FATAL_FAILURE(segment.Fold(false));
  const MetadataRuns before = segment.runs();
  const MetadataRow row = before.Row(7);
  for (int i = 0; i < 30; ++i) segment.Update(40);
  EXPECT_EQ(segment.runs().runs()[0], before.runs()[0]);
  EXPECT_TRUE(segment.runs().has_base());
  EXPECT_GE(segment.runs().overlay_rows(), 40u);
  EXPECT_EQ(before.Row(7), row);
  EXPECT_EQ(before.runs().size(), 1u);
}

TEST(MetadataRunsTest, WithoutRunsASlotHasNoFields) {
  const MetadataRuns none;
  EXPECT_EQ(none.Row(3), MetadataRow());
  EXPECT_EQ(none.StampOf(3), 0u);
  EXPECT_EQ(none.Heads(10).count(), 0u);
  const auto evaluate = [&](const Filter& filter) {
    return Evaluate(filter, none, 10, Call::Background()).value().count();
  };
  EXPECT_EQ(evaluate(Filter::Exists("a")), 0u);
  EXPECT_EQ(evaluate(Filter::Not(Filter::Exists("a"))), 10u);
  EXPECT_EQ(evaluate(Filter::And({})), 10u);
  EXPECT_EQ(evaluate(Filter::Or({})), 0u);
}

TEST(MetadataRunsTest, ACancelledCallEndsAnEvaluation) {
  MetadataBuilder builder;
  builder.AddDocument(0, 1, {{"a", true}});
  const MetadataRuns runs = MetadataRuns().With(builder.Build());
  Call call;
  call.Cancel();
  EXPECT_EQ(Evaluate(Filter::Exists("a"), runs, 1, call).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace kith::index
