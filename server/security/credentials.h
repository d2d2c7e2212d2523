// Credentials: all that decides who gets in: keys and certificates, loaded together at the start
// and reloaded each when its files change, or all when told to. A file that cannot be used changes
// nothing: what was valid stays valid, and the reason is told.
//
// Thread-safe.

#ifndef KITH_SERVER_SECURITY_CREDENTIALS_H_
#define KITH_SERVER_SECURITY_CREDENTIALS_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/security/file_watch.h"
#include "server/security/key_ring.h"
#include "server/security/tls_files.h"

namespace kith::security {

struct CredentialFiles {
  std::string keys;  // empty: nobody needs a key
  TlsPaths tls;      // without a certificate: no TLS
};

class Credentials {
 public:
  // A reload of `what` ("keys", "certificates"); not OK: it changed nothing.
  using OnReload = std::function<void(const std::string& what, const absl::Status& status)>;

  // INVALID_ARGUMENT in a sentence that names the file.
  static absl::StatusOr<std::unique_ptr<Credentials>> Load(const CredentialFiles& files);

  // From now on the files are watched. REQUIRES: called at most once. `on_reload` is called from a
  // thread of the watch's own.
  void Watch(OnReload on_reload);
  // Reads everything again, soon. Does nothing unless the files are watched.
  void Reload();

  const KeyRing* keys() const { return keys_.get(); }  // null: nobody needs a key
  const TlsFiles* tls() const { return tls_.get(); }   // null: no TLS

 private:
  Credentials() = default;

  std::unique_ptr<KeyRing> keys_;
  std::unique_ptr<TlsFiles> tls_;
  std::unique_ptr<FileWatch> watch_;  // ends before what it reloads
};

}  // namespace kith::security

#endif  // KITH_SERVER_SECURITY_CREDENTIALS_H_
