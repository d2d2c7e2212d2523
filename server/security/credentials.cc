#include "server/security/credentials.h"

#include <utility>
#include <vector>

#include "kith/base/status_macros.h"

namespace kith::security {

absl::StatusOr<std::unique_ptr<Credentials>> Credentials::Load(const CredentialFiles& files) {
  std::unique_ptr<Credentials> credentials(new Credentials());
  if (!files.keys.empty()) {
    KITH_ASSIGN_OR_RETURN(credentials->keys_, KeyRing::Load(files.keys));
  }
  if (!files.tls.certificate.empty()) {
    KITH_ASSIGN_OR_RETURN(credentials->tls_, TlsFiles::Load(files.tls));
  }
  return credentials;
}

void Credentials::Watch(OnReload on_reload) {
  std::vector<FileWatch::Group> groups;
  if (keys_ != nullptr) {
    groups.push_back(
        {{keys_->path()}, [keys = keys_.get(), on_reload] { on_reload("keys", keys->Reload()); }});
  }
  if (tls_ != nullptr) {
    const TlsPaths& paths = tls_->paths();
    std::vector<std::string> files = {paths.certificate, paths.private_key};
    if (!paths.client_ca.empty()) files.push_back(paths.client_ca);
    groups.push_back({std::move(files),
                      [tls = tls_.get(), on_reload] { on_reload("certificates", tls->Reload()); }});
  }
  if (!groups.empty()) watch_ = std::make_unique<FileWatch>(std::move(groups));
}

void Credentials::Reload() {
  if (watch_ != nullptr) watch_->Poke();
}

}  // namespace kith::security
