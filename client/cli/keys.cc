// kith keys create

#include <fcntl.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "fmt/format.h"
#include "kith/base/error.h"
#include "kith/base/status_macros.h"

namespace kith::cli {
namespace {

struct KeyFlags {
  std::string name, role, append_to;
  std::vector<std::string> collections;
};

// 32 bytes without padding.
std::string Base64Url(const std::array<uint8_t, 32>& bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const uint8_t byte : bytes) {
    bits = bits << 8 | byte;
    for (count += 8; count >= 6; count -= 6) out += kAlphabet[bits >> (count - 6) & 63];
  }
  if (count > 0) out += kAlphabet[bits << (6 - count) & 63];
  return out;
}

// 256 random bits behind a prefix that scanners for leaked secrets can look for.
absl::StatusOr<std::string> NewKey() {
  std::array<uint8_t, 32> bytes;
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return absl::InternalError("the system gives no random bytes");
  }
  return "kith_" + Base64Url(bytes);
}

std::string Sha256Hex(const std::string& text) {
  std::array<uint8_t, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const uint8_t*>(text.data()), text.size(), digest.data());
  std::string hex;
  for (const uint8_t byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

absl::Status Append(const std::string& path, const std::string& line) {
  // A new file is its owner's: the hashes in it are no secret, who may add to them is.
  const int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return UsageError("--append-to {}: the file cannot be written", Quoted(path));
  const bool written = write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  return close(fd) == 0 && written
             ? absl::OkStatus()
             : UsageError("--append-to {}: the line was not written whole", Quoted(path));
}

absl::Status Create(Context& context, const KeyFlags& flags) {
  KITH_ASSIGN_OR_RETURN(const std::string key, NewKey());
  Json line = {{"name", flags.name}, {"role", flags.role}, {"sha256", Sha256Hex(key)}};
  if (!flags.collections.empty()) line["collections"] = flags.collections;
  if (!flags.append_to.empty()) {
    KITH_RETURN_IF_ERROR(Append(flags.append_to, Dump(line) + "\n"));
  }
  if (context.json) {
    context.out.Object({{"key", key}, {"line", std::move(line)}});
  } else if (!flags.append_to.empty()) {
    context.out.Line(key);
  } else {
    context.out.Line("Key, for the client; it is shown this once:");
    context.out.Line("  " + key);
    context.out.Line("Line, for the file that kithd reads by --keys-file:");
    context.out.Line("  " + Dump(line));
  }
  return absl::OkStatus();
}

}  // namespace

void AddKeysCommands(CLI::App& app, Context& context) {
  CLI::App* group = AddGroup(app, "keys", "Make keys for a server that asks for them");
  auto flags = std::make_shared<KeyFlags>();
  CLI::App* create = AddCommand(
      *group, context, "create", "Make a key, and the line that lets it in (no server is asked)",
      "  kith keys create --name indexer --role writer --collection articles\n"
      "  kith keys create --name ops --role admin --append-to keys.jsonl > ops.key\n",
      [&context, flags] { return Create(context, *flags); });
  create->add_option("--name", flags->name, "Name of the key, for the server's log")
      ->required()
      ->type_name("NAME")
      ->check([](const std::string& name) -> std::string {
        const bool fits = !name.empty() && name.size() <= 64 &&
                          name.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"
                              "XYZ0123456789._-") == std::string::npos;
        return fits ? "" : "1 to 64 letters, digits, dots, dashes and underscores";
      });
  create
      ->add_option("--role", flags->role, "What it may do; each role may what those before it may")
      ->required()
      ->check(CLI::IsMember({"reader", "writer", "admin"}));
  create
      ->add_option("--collection", flags->collections,
                   "A collection that it is for; may be given several times. None: all of them")
      ->type_name("NAME");
  create
      ->add_option("--append-to", flags->append_to,
                   "Add the line to this file, and print the key alone")
      ->type_name("FILE");
}

}  // namespace kith::cli
