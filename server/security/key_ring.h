// KeyRing: the keys that are valid now. A reload takes the place of all of them in one step; calls
// that were let in under the old ones go on.
//
// Thread-safe.

#ifndef KITH_SERVER_SECURITY_KEY_RING_H_
#define KITH_SERVER_SECURITY_KEY_RING_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/security/key_file.h"

namespace kith::security {

class KeyRing {
 public:
  // INVALID_ARGUMENT, as ReadKeyFile.
  static absl::StatusOr<std::unique_ptr<KeyRing>> Load(const std::string& path);
  explicit KeyRing(std::vector<KeyEntry> entries);

  // Reads the file again. On an error the keys stay as they are.
  absl::Status Reload();

  // Null if no such key is valid.
  PrincipalRef Find(std::string_view key) const;

  size_t size() const;
  const std::string& path() const { return path_; }

 private:
  struct Known {
    KeyDigest digest;
    PrincipalRef principal;
  };
  // By the first eight bytes of the digest. How long looking one up takes may tell something about
  // those bytes of the digest of what the caller sent; never about the key that they belong to,
  // which is 256 random bits away. The digests themselves are compared in constant time.
  using Table = std::unordered_multimap<uint64_t, Known>;

  static std::shared_ptr<const Table> MakeTable(std::vector<KeyEntry> entries);
  std::shared_ptr<const Table> table() const {
    absl::MutexLock lock(&mu_);
    return table_;
  }

  std::string path_;  // constant after Load

  mutable absl::Mutex mu_;
  std::shared_ptr<const Table> table_ ABSL_GUARDED_BY(mu_);
};

}  // namespace kith::security

#endif  // KITH_SERVER_SECURITY_KEY_RING_H_
