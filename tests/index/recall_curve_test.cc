#include "index/recall_curve.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "index/search.h"
#include "kith/base/error.h"

namespace kith::index {
namespace {

using Way = SegmentPlan::Way;

RecallCurve::Points Flat(float recall, float rescored) {
  RecallCurve::Points points;
  for (auto& caps : points) caps.fill({recall, 0, rescored});
  return points;
}

// A million rows; walks with pools 10, 20, ... 160 find 0.6, 0.7, ... 1.0 of whatever is asked.
RecallCurve::Data Typical() {
  RecallCurve::Data data;
  data.rows = 1000000;
  data.samples = 100;
  data.walk_ns = 50;
  data.scan_ns = 20;
  data.rescore_ns = 200;
  for (int i = 0; i < 5; ++i) {
    data.walks.push_back({.ef = 10u << i,
                          .distances = 200.0f * static_cast<float>(1 << i),
                          .points = Flat(0.6f + 0.1f * static_cast<float>(i), 10)});
  }
  data.scan = Flat(1, 50);
  return data;
}

std::span<const std::byte> BytesOf(const std::string& bytes) {
  return std::as_bytes(std::span(bytes));
}

TEST(RecallCurveTest, NothingMeasuredMeansExact) {
  EXPECT_EQ(RecallCurve().PlanFor(0.5, 10, 1).way, Way::kExact);
}

TEST(RecallCurveTest, AHigherTargetTakesALargerPool) {
  const RecallCurve curve(Typical());
  uint32_t before = 0;
  for (const double target : {0.3, 0.6, 0.65, 0.7, 0.8, 0.85, 0.9, 0.95, 0.99}) {
    const SegmentPlan plan = curve.PlanFor(target, 10, 1);
    ASSERT_EQ(plan.way, Way::kWalk) << target;
    EXPECT_GE(plan.ef, before) << target;
    EXPECT_GE(plan.cap, 10u);
    EXPECT_LE(plan.cap, plan.ef);
    before = plan.ef;
  }
  EXPECT_EQ(curve.PlanFor(0.7, 10, 1).ef, 20u);
  EXPECT_EQ(curve.PlanFor(0.8, 10, 1).ef, 40u);
  const uint32_t between = curve.PlanFor(0.75, 10, 1).ef;
  EXPECT_GT(between, 20u);
  EXPECT_LT(between, 40u);
  EXPECT_EQ(curve.PlanFor(1, 10, 1).way, Way::kExact);
}

TEST(RecallCurveTest, ThePoolIsNeverSmallerThanK) {
  const RecallCurve curve(Typical());
  for (const uint32_t k : {1u, 2u, 9u, 10u, 11u, 50u, 100u, 101u, 1000u, 5000u}) {
    const SegmentPlan plan = curve.PlanFor(0.7, k, 1);
    ASSERT_EQ(plan.way, Way::kWalk) << k;
    EXPECT_GE(plan.ef, k);
    EXPECT_GE(plan.cap, k);
  }
  // Ten times as many as were measured: ten times the pool.
  EXPECT_EQ(curve.PlanFor(0.9, 1000, 1).ef, 1000u);
  EXPECT_EQ(curve.PlanFor(0.9, 2000000, 1).way, Way::kExact) << "more than there are";
}

TEST(RecallCurveTest, BoostWidensThePool) {
  const RecallCurve curve(Typical());
  EXPECT_EQ(curve.PlanFor(0.8, 10, 3).ef, 120u);
}

TEST(RecallCurveTest, WhatAWalkCannotReachIsScanned) {
  RecallCurve::Data data = Typical();
  data.walks.pop_back();  // 0.9 at most
  EXPECT_EQ(RecallCurve(data).PlanFor(0.9, 10, 1).way, Way::kWalk);
  EXPECT_EQ(RecallCurve(data).PlanFor(0.95, 10, 1).way, Way::kCodeScan);
  // Codes that lose the right rows cannot be scanned either.
  data.scan = Flat(0.93f, 50);
  EXPECT_EQ(RecallCurve(data).PlanFor(0.95, 10, 1).way, Way::kExact);
}

TEST(RecallCurveTest, TheErrorOfTheMeasureIsNotPromised) {
  RecallCurve::Data data = Typical();
  for (auto& caps : data.walks.back().points) {
    for (auto& point : caps) point.error = 0.1f;
  }
  EXPECT_EQ(RecallCurve(data).PlanFor(0.9, 10, 1).way, Way::kWalk);
  EXPECT_EQ(RecallCurve(data).PlanFor(0.95, 10, 1).way, Way::kCodeScan);
}

TEST(RecallCurveTest, TheCheaperWayIsTaken) {
  RecallCurve::Data data = Typical();
  data.rows = 2000;  // 40 us to scan, 10 us to walk with a pool of 10
  EXPECT_EQ(RecallCurve(data).PlanFor(0.6, 10, 1).way, Way::kWalk);
  EXPECT_EQ(RecallCurve(data).PlanFor(0.95, 10, 1).way, Way::kCodeScan);
  data.rows = 100;  // 20 us exactly
  data.scan_ns = 190;
  EXPECT_EQ(RecallCurve(data).PlanFor(0.95, 10, 1).way, Way::kExact);
}

TEST(RecallCurveTest, AFewerCandidatesAreScoredWhereTheyDo) {
  RecallCurve::Data data = Typical();
  for (auto& walk : data.walks) {
    for (auto& caps : walk.points) {
      for (size_t f = 0; f < caps.size(); ++f) {
        caps[f].rescored = static_cast<float>(10 * (f + 1));
        if (f < 2) caps[f].recall = 0.5f;
      }
    }
  }
  const SegmentPlan plan = RecallCurve(data).PlanFor(0.8, 10, 1);
  ASSERT_EQ(plan.way, Way::kWalk);
  EXPECT_EQ(plan.cap, RecallCurve::CapOf(2, 10, plan.ef));
}

TEST(RecallCurveTest, BytesComeBackAsTheyWere) {
  const RecallCurve curve(Typical());
  const std::string bytes = curve.Serialize();
  const auto parsed = RecallCurve::Parse(BytesOf(bytes));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->Serialize(), bytes);
  EXPECT_EQ(parsed->data().walks.size(), 5u);
  EXPECT_EQ(parsed->PlanFor(0.85, 30, 1).ef, curve.PlanFor(0.85, 30, 1).ef);
  const std::string empty = RecallCurve().Serialize();
  EXPECT_TRUE(RecallCurve::Parse(BytesOf(empty)).ok());
}

TEST(RecallCurveTest, OtherBytesAreRefusedOrGivePlansWithinLimits) {
  const std::string good = RecallCurve(Typical()).Serialize();
  for (size_t length = 0; length < good.size(); ++length) {
    const std::string cut = good.substr(0, length);
    EXPECT_EQ(RecallCurve::Parse(BytesOf(cut)).status().code(), absl::StatusCode::kDataLoss);
  }
  constexpr uint64_t kSeed = 9;
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = good;
    const size_t at = random() % (bytes.size() / 4) * 4;
    const float floats[] = {NAN, INFINITY, -1, 0, 2, 1e30f, 1e-30f};
    uint32_t value = static_cast<uint32_t>(random());
    if (random() % 2 == 0) std::memcpy(&value, &floats[random() % std::size(floats)], 4);
    std::memcpy(bytes.data() + at, &value, 4);
    const auto parsed = RecallCurve::Parse(BytesOf(bytes));
    if (!parsed.ok()) {
      EXPECT_EQ(parsed.status().code(), absl::StatusCode::kDataLoss);
      continue;
    }
    for (const uint32_t k : {1u, 7u, 100u, 10000u, UINT32_MAX}) {
      for (const double target : {0.01, 0.95, 0.9999}) {
        const SegmentPlan plan = parsed->PlanFor(target, k, 1 + static_cast<double>(random() % 99));
        if (plan.way == Way::kExact) continue;
        EXPECT_GE(plan.cap, k) << "byte " << at << " seed " << kSeed;
        if (plan.way == Way::kWalk) {
          EXPECT_GE(plan.ef, k);
          EXPECT_LE(plan.ef, kMaxEf);
        }
      }
    }
    EXPECT_GE(parsed->WalkLimit(), 10000u);
  }
}

}  // namespace
}  // namespace kith::index
