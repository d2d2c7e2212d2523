// The power goes at a random call, again and again. What was committed as kSynced is there, the one
// commit that was under way is whole or absent; of kApplied commits a prefix is there.

#include <cstdlib>
#include <iostream>
#include <random>

#include "gtest/gtest.h"
#include "tests/storage/faulty_store.h"

namespace kith::storage {
namespace {

using fault::Action;

// More of them: KITH_POWER_CUTS=1000.
int Rounds() {
  const char* const given = std::getenv("KITH_POWER_CUTS");
  return given != nullptr ? std::atoi(given) : 60;
}

// Where the cut comes: before or after one of the next calls, taking all that is not synced, or a
// part.
void ArmCut(fault::FaultPlan& plan, std::mt19937_64& random) {
  plan.cut_seed.store(random() % 3 == 0 ? 0 : random());
  plan.Arm(random() % 2 == 0 ? Action::kCutBefore : Action::kCutAfter, fault::kChanges, fault::kAll,
           random() % 120, 1);
}

// Works until the power goes; files of every kind are being written then.
void WorkUntilTheCut(FaultyStore& faulty, std::mt19937_64& random, Durability durability) {
  for (int i = 0; faulty.plan().hits.load() == 0; ++i) {
    ASSERT_LT(i, 1000) << "the cut never came";
    if (!faulty.WriteSomething(random, durability).ok()) break;
    if (random() % 10 == 0 && !faulty.store().Flush().ok()) break;
    if (random() % 30 == 0 &&
        !faulty.store().ReclaimShard(FaultyStore::kShard + 1, Call::Background()).ok()) {
      break;
    }
  }
}

TEST(PowerLossTest, WhatWasCommittedSyncedSurvivesAPowerCutAtAnyCall) {
  std::mt19937_64 random(TestSeed());
  FaultyStore faulty;
  uint64_t cuts = 0;
  for (int round = 0; round < Rounds(); ++round) {
    SCOPED_TRACE(testing::Message() << "round " << round);
    ArmCut(faulty.plan(), random);
    // The power may go while the store opens, too.
    if (faulty.Open().ok()) {
      ASSERT_OK(faulty.CheckAfterRestart());
      WorkUntilTheCut(faulty, random, Durability::kSynced);
    }
    cuts += faulty.plan().hits.load();
    faulty.CloseAndPowerOn();
    ASSERT_OK(faulty.Open());
    ASSERT_OK(faulty.CheckAfterRestart());
    ASSERT_OK(faulty.store().VerifyChecksums(Call::Background()));
  }
  EXPECT_EQ(cuts, static_cast<uint64_t>(Rounds()));
  EXPECT_GT(faulty.plan().lost_bytes.load(), 0U);
  EXPECT_GT(faulty.plan().lost_entries.load(), 0U);
  std::cout << cuts << " power cuts, " << faulty.plan().lost_bytes.load() << " bytes and "
            << faulty.plan().lost_entries.load() << " entries of folders lost\n";
}

TEST(PowerLossTest, OfCommitsThatAreOnlyAppliedAPrefixSurvives) {
  std::mt19937_64 random(TestSeed());
  FaultyStore faulty;
  ASSERT_OK(faulty.Open());
  uint64_t lost = 0;
  for (int round = 0; round < 40; ++round) {
    SCOPED_TRACE(testing::Message() << "round " << round);
    // By sequence: what the shard held after each commit.
    std::map<Sequence, ExpectedDocuments> history;
    history[faulty.shard().state().sequence()] = faulty.acknowledged();
    Sequence synced = faulty.shard().state().sequence();
    ArmCut(faulty.plan(), random);
    for (int i = 0; i < 1000 && faulty.plan().hits.load() == 0; ++i) {
      const Durability durability = random() % 8 == 0 ? Durability::kSynced : Durability::kApplied;
      if (!faulty.WriteSomething(random, durability).ok()) break;
      const Sequence now = faulty.shard().state().sequence();
      history[now] = faulty.acknowledged();
      if (durability == Durability::kSynced) synced = now;
    }
    const Sequence last = faulty.shard().state().sequence();
    if (!faulty.pending().empty()) history[last + 1] = faulty.pending().back();
    faulty.CloseAndPowerOn();
    ASSERT_OK(faulty.Open());
    const Sequence kept = faulty.shard().state().sequence();
    ASSERT_GE(kept, synced) << "of " << last << ", the round began with " << history.begin()->first;
    ASSERT_TRUE(history.contains(kept)) << kept;
    ASSERT_OK(CheckShard(faulty.store().Latest(), faulty.shard().state(), FaultyStore::kShard,
                         history[kept]));
    lost += last > kept ? last - kept : 0;
    faulty.Restart(history[kept]);
  }
  EXPECT_GT(lost, 0U) << "the disk kept what was never synced: it is no test of power loss";
}

// The same rounds as the first test's, with a bug planted: commits that are only applied are
// counted as synced. If the rounds did not find it they would find nothing.
TEST(PowerLossTest, AnAcknowledgementBeforeTheSyncIsFound) {
  std::mt19937_64 random(TestSeed());
  int found = 0;
  for (int round = 0; round < 30 && found == 0; ++round) {
    FaultyStore faulty;
    ASSERT_OK(faulty.Open());
    ArmCut(faulty.plan(), random);
    WorkUntilTheCut(faulty, random, Durability::kApplied);
    faulty.CloseAndPowerOn();
    ASSERT_OK(faulty.Open());
    found += !faulty.CheckAfterRestart().ok();
  }
  EXPECT_EQ(found, 1);
}

// The same for a disk that says that it synced its log, and did not.
TEST(PowerLossTest, ADiskThatLiesAboutSyncsIsFound) {
  std::mt19937_64 random(TestSeed());
  int found = 0;
  for (int round = 0; round < 30 && found == 0; ++round) {
    FaultyStore faulty;
    faulty.plan().ignored_syncs.store(fault::Bit(fault::Kind::kLog));
    ASSERT_OK(faulty.Open());
    ArmCut(faulty.plan(), random);
    WorkUntilTheCut(faulty, random, Durability::kSynced);
    faulty.CloseAndPowerOn();
    const absl::Status opened = faulty.Open();
    found += !opened.ok() || !faulty.CheckAfterRestart().ok();
  }
  EXPECT_EQ(found, 1);
}

}  // namespace
}  // namespace kith::storage
