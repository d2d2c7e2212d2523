// TlsFiles: the server's certificate and key, and the authorities whose clients it lets in: read
// from PEM files, looked at before they are used, and read again when told.
//
// What does not fit together (a key of another certificate, half a file, an expired certificate) is
// refused here, with the file's name; connections go on with what was there before. Connections
// that are open keep the certificate that they began with.
//
// Thread-safe.

#ifndef KITH_SERVER_SECURITY_TLS_FILES_H_
#define KITH_SERVER_SECURITY_TLS_FILES_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace kith::security {

struct TlsPaths {
  std::string certificate;  // the server's, with what is between it and the root
  std::string private_key;
  std::string client_ca;  // empty: clients need no certificate
};

// PEM.
struct TlsMaterial {
  std::string certificate_chain;
  std::string private_key;
  std::string client_ca;
  absl::Time expires;       // of the server's certificate
  uint64_t generation = 0;  // rises with every reload that brought something else
};

class TlsFiles {
 public:
  // INVALID_ARGUMENT in a sentence that names the file and what is wrong with it.
  static absl::StatusOr<std::unique_ptr<TlsFiles>> Load(const TlsPaths& paths);

  // Reads the files again. On an error everything stays as it is.
  absl::Status Reload();

  std::shared_ptr<const TlsMaterial> material() const {
    absl::MutexLock lock(&mu_);
    return material_;
  }
  const TlsPaths& paths() const { return paths_; }

 private:
  explicit TlsFiles(TlsPaths paths) : paths_(std::move(paths)) {}

  const TlsPaths paths_;

  mutable absl::Mutex mu_;
  std::shared_ptr<const TlsMaterial> material_ ABSL_GUARDED_BY(mu_);
};

// The files' contents, checked: each parses, the key is the certificate's, and it has not expired
// at `now`.
absl::StatusOr<TlsMaterial> ReadTlsFiles(const TlsPaths& paths, absl::Time now);

}  // namespace kith::security

#endif  // KITH_SERVER_SECURITY_TLS_FILES_H_
