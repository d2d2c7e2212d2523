#include "server/security/key_ring.h"

#include <cstring>
#include <utility>

#include "kith/base/status_macros.h"

namespace kith::security {
namespace {

uint64_t Head(const KeyDigest& digest) {
  uint64_t head;
  std::memcpy(&head, digest.data(), sizeof(head));
  return head;
}

}  // namespace

std::shared_ptr<const KeyRing::Table> KeyRing::MakeTable(std::vector<KeyEntry> entries) {
  auto table = std::make_shared<Table>();
  for (KeyEntry& entry : entries) {
    auto principal = std::make_shared<const Principal>(std::move(entry.principal));
    table->emplace(Head(entry.digest), Known{entry.digest, std::move(principal)});
  }
  return table;
}

KeyRing::KeyRing(std::vector<KeyEntry> entries) : table_(MakeTable(std::move(entries))) {}

absl::StatusOr<std::unique_ptr<KeyRing>> KeyRing::Load(const std::string& path) {
  KITH_ASSIGN_OR_RETURN(std::vector<KeyEntry> entries, ReadKeyFile(path));
  auto ring = std::make_unique<KeyRing>(std::move(entries));
  ring->path_ = path;
  return ring;
}

absl::Status KeyRing::Reload() {
  KITH_ASSIGN_OR_RETURN(std::vector<KeyEntry> entries, ReadKeyFile(path_));
  auto table = MakeTable(std::move(entries));
  absl::MutexLock lock(&mu_);
  table_ = std::move(table);
  return absl::OkStatus();
}

PrincipalRef KeyRing::Find(std::string_view key) const {
  const KeyDigest digest = DigestOf(key);
  const std::shared_ptr<const Table> now = table();
  PrincipalRef found;
  const auto [begin, end] = now->equal_range(Head(digest));
  for (auto it = begin; it != end; ++it) {
    if (EqualInConstantTime(it->second.digest, digest)) found = it->second.principal;
  }
  return found;
}

size_t KeyRing::size() const { return table()->size(); }

}  // namespace kith::security
