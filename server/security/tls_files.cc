#include "server/security/tls_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "server/security/read_file.h"

namespace kith::security {
namespace {

constexpr size_t kMaxFile = 1 << 20;

template <auto Free>
struct Freeing {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Freeing<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freeing<X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Freeing<EVP_PKEY_free>>;

absl::Status Wrong(const std::string& path, std::string_view why) {
  ERR_clear_error();
  return InvalidArgument(reason::kInvalidRequest, "{}: {}", path, why);
}

Bio Reader(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// A server has nobody to ask for a password.
int NoPassword(char*, int, int, void*) { return 0; }

// All certificates of a PEM file: at least one, and nothing after them that is broken.
absl::StatusOr<std::vector<Certificate>> ReadCertificates(const std::string& path,
                                                          const std::string& pem) {
  const Bio bio = Reader(pem);
  std::vector<Certificate> found;
  ERR_clear_error();
  while (Certificate next{PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr)}) {
    found.push_back(std::move(next));
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (found.empty()) return Wrong(path, "there is no certificate in it (PEM is expected)");
  if (!at_end) return Wrong(path, "a certificate in it is damaged");
  ERR_clear_error();
  return found;
}

absl::StatusOr<PrivateKey> ReadPrivateKey(const std::string& path, const std::string& pem) {
  const Bio bio = Reader(pem);
  PrivateKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
  if (key == nullptr) {
    return Wrong(path, "there is no private key in it that can be read (PEM, without a password)");
  }
  return key;
}

absl::Time TimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return absl::InfinitePast();
  return absl::FromTM(parts, absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<TlsMaterial> ReadTlsFiles(const TlsPaths& paths, absl::Time now) {
  TlsMaterial material;
  const auto read = [](const std::string& path, std::string* text) -> absl::Status {
    KITH_ASSIGN_OR_RETURN(FileContent file, ReadSmallFile(path, kMaxFile));
    *text = std::move(file.text);
    return absl::OkStatus();
  };
  KITH_RETURN_IF_ERROR(read(paths.certificate, &material.certificate_chain));
  KITH_RETURN_IF_ERROR(read(paths.private_key, &material.private_key));
  KITH_ASSIGN_OR_RETURN(const auto chain,
                        ReadCertificates(paths.certificate, material.certificate_chain));
  KITH_ASSIGN_OR_RETURN(const PrivateKey key,
                        ReadPrivateKey(paths.private_key, material.private_key));
  if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
    return Wrong(paths.private_key,
                 fmt::format("it is not the key of the certificate in {}", paths.certificate));
  }
  material.expires = TimeOf(X509_get0_notAfter(chain.front().get()));
  if (material.expires <= now) {
    return Wrong(
        paths.certificate,
        fmt::format("the certificate expired at {}",
                    absl::FormatTime(absl::RFC3339_sec, material.expires, absl::UTCTimeZone())));
  }
  if (!paths.client_ca.empty()) {
    KITH_RETURN_IF_ERROR(read(paths.client_ca, &material.client_ca));
    KITH_RETURN_IF_ERROR(ReadCertificates(paths.client_ca, material.client_ca).status());
  }
  return material;
}

absl::StatusOr<std::unique_ptr<TlsFiles>> TlsFiles::Load(const TlsPaths& paths) {
  std::unique_ptr<TlsFiles> files(new TlsFiles(paths));
  KITH_RETURN_IF_ERROR(files->Reload());
  return files;
}

absl::Status TlsFiles::Reload() {
  KITH_ASSIGN_OR_RETURN(TlsMaterial read, ReadTlsFiles(paths_, absl::Now()));
  absl::MutexLock lock(&mu_);
  if (material_ != nullptr) {
    if (read.certificate_chain == material_->certificate_chain &&
        read.private_key == material_->private_key && read.client_ca == material_->client_ca) {
      return absl::OkStatus();
    }
    read.generation = material_->generation + 1;
  }
  material_ = std::make_shared<const TlsMaterial>(std::move(read));
  return absl::OkStatus();
}

}  // namespace kith::security
