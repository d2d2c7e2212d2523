// Killed at any moment: everything acknowledged is there, nothing is half there.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <sstream>

#include "gtest/gtest.h"
#include "tests/storage/test_support.h"

namespace kith::storage {
namespace {

// Starts the writer, kills it after it has acknowledged `acknowledged` commits and `spin` more
// steps of this process, and returns all that it said.
std::string RunAndKill(const std::string& data_dir, uint64_t seed, size_t acknowledged,
                       uint64_t spin) {
  int ledger[2];
  EXPECT_EQ(pipe(ledger), 0);
  const std::string seed_text = std::to_string(seed);
  const std::string fd_text = std::to_string(ledger[1]);
  const pid_t child = fork();
  if (child == 0) {
    close(ledger[0]);
    execl(KITH_CRASH_WRITER, KITH_CRASH_WRITER, data_dir.c_str(), seed_text.c_str(),
          fd_text.c_str(), nullptr);
    _exit(127);
  }
  close(ledger[1]);
  std::string said;
  char buffer[4096];
  size_t seen = 0;
  bool killed = false;
  for (;;) {
    const ssize_t got = read(ledger[0], buffer, sizeof(buffer));
    if (got <= 0) break;
    for (ssize_t i = 0; i + 1 < got; ++i) seen += buffer[i] == 'o' && buffer[i + 1] == 'k';
    said.append(buffer, static_cast<size_t>(got));
    if (!killed && seen >= acknowledged) {
      // Somewhere in the middle of what it does next.
      volatile uint64_t turns = spin;
      while (turns > 0) turns = turns - 1;
      EXPECT_EQ(kill(child, SIGKILL), 0);
      killed = true;
    }
  }
  close(ledger[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "writer ended by itself";
  return said;
}

TEST(CrashTest, WhatWasAcknowledgedSurvivesKillingTheProcessAtAnyMoment) {
  std::mt19937_64 random(TestSeed());
  TempFolder folder;
  ExpectedDocuments acknowledged;
  size_t commits = 0;
  for (int round = 0; round < 20; ++round) {
    const std::string said =
        RunAndKill(folder.path(), random(), random() % 40, random() % 2'000'000);
    std::istringstream lines(said);
    ExpectedDocuments pending = acknowledged;
    std::string word;
    while (lines >> word) {
      if (word == "ok") {
        acknowledged = pending;
        ++commits;
        continue;
      }
      std::string operation;
      std::string id;
      uint64_t content = 0;
      if (!(lines >> operation >> id >> content)) break;
      pending = acknowledged;
      if (operation == "delete") {
        pending.erase(id);
      } else {
        pending[id] = content;
      }
    }
    auto store = Store::Open(SmallOptions(folder.path()));
    ASSERT_OK(store);
    auto shard = TestShard::Load(**store, 1);
    ASSERT_OK(shard);
    const Reader reader = (*store)->Latest();
    // The one commit that was under way is whole or absent.
    if (CheckShard(reader, shard->state(), 1, pending).ok()) {
      acknowledged = pending;
    } else {
      SCOPED_TRACE(round);
      ASSERT_OK(CheckShard(reader, shard->state(), 1, acknowledged));
    }
    ASSERT_OK((*store)->VerifyChecksums(Call::Background()));
  }
  EXPECT_GT(commits, 100U);
}

}  // namespace
}  // namespace kith::storage
