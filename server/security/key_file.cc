#include "server/security/key_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <utility>

#include "kith/base/error.h"
#include "kith/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "server/security/read_file.h"

namespace kith::security {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxFile = 1 << 20;
constexpr size_t kMaxName = 64;
constexpr size_t kMaxCollections = 1000;

absl::Status Wrong(const std::string& what) {
  return InvalidArgument(reason::kInvalidRequest, "{}", what);
}

bool IsName(std::string_view name) {
  if (name.empty() || name.size() > kMaxName) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
}

bool IsCollection(std::string_view name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= 128 && plain(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return plain(c) || c == '-' || c == '_'; });
}

// The object of a line. nlohmann keeps the last of two equal fields without a word.
absl::StatusOr<Json> ParseLine(std::string_view line) {
  std::set<std::string> seen;
  std::string twice;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::key && depth == 1 &&
        !seen.insert(parsed.get<std::string>()).second) {
      twice = parsed.get<std::string>();
    }
    return depth <= 2;  // deeper there is nothing that belongs here
  };
  Json object = Json::parse(line.begin(), line.end(), watch, /*allow_exceptions=*/false);
  if (!object.is_object()) return Wrong("the line is not one JSON object");
  if (!twice.empty()) return Wrong(fmt::format("{} is given twice", Quoted(twice)));
  return object;
}

absl::Status ReadCollections(const Json& value, Principal* principal) {
  if (!value.is_array()) return Wrong("collections must be a list of names");
  if (value.empty()) return Wrong("collections is empty: leave it out for a key to all of them");
  if (value.size() > kMaxCollections) {
    return Wrong(fmt::format("{} collections, and a key is for at most {}; leave them out for all",
                             value.size(), kMaxCollections));
  }
  for (const Json& item : value) {
    if (!item.is_string() || !IsCollection(item.get_ref<const std::string&>())) {
      return Wrong(fmt::format("{} is no name of a collection ([a-z0-9][a-z0-9_-]{{0,127}})",
                               item.is_string() ? Quoted(item.get_ref<const std::string&>())
                                                : std::string(item.type_name())));
    }
    principal->collections.push_back(item.get<std::string>());
  }
  auto& names = principal->collections;
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  principal->restricted = true;
  return absl::OkStatus();
}

absl::StatusOr<KeyEntry> ReadEntry(std::string_view line) {
  KITH_ASSIGN_OR_RETURN(const Json object, ParseLine(line));
  KeyEntry entry;
  bool has_digest = false, has_role = false;
  for (const auto& [field, value] : object.items()) {
    if (field == "collections") {
      KITH_RETURN_IF_ERROR(ReadCollections(value, &entry.principal));
      continue;
    }
    if (field != "name" && field != "role" && field != "sha256") {
      return Wrong(
          fmt::format("there is no field {}: name, role, collections, sha256", Quoted(field)));
    }
    if (!value.is_string()) return Wrong(fmt::format("{} must be a string", field));
    const std::string& text = value.get_ref<const std::string&>();
    if (field == "name") {
      if (!IsName(text)) {
        return Wrong(
            fmt::format("name {} is not 1 to {} letters, digits, dots, dashes and "
                        "underscores",
                        Quoted(text), kMaxName));
      }
      entry.principal.name = text;
    } else if (field == "role") {
      has_role = true;
      for (const v1::Role role : {v1::ROLE_READER, v1::ROLE_WRITER, v1::ROLE_ADMIN}) {
        if (RoleName(role) == text) entry.principal.role = role;
      }
      if (RoleName(entry.principal.role) != text) {
        return Wrong(fmt::format("role {} is none of reader, writer, admin", Quoted(text)));
      }
    } else {
      const auto digest = ParseDigest(text);
      // Not quoted: it may be the key itself.
      if (!digest) return Wrong("sha256 is not 64 hexadecimal digits (is it the key itself?)");
      entry.digest = *digest;
      has_digest = true;
    }
  }
  if (entry.principal.name.empty()) return Wrong("name is missing");
  if (!has_role) return Wrong("role is missing");
  if (!has_digest) return Wrong("sha256 is missing");
  return entry;
}

std::string_view Trimmed(std::string_view line) {
  const size_t begin = line.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
}

}  // namespace

std::string_view RoleName(v1::Role role) {
  switch (role) {
    case v1::ROLE_READER:
      return "reader";
    case v1::ROLE_WRITER:
      return "writer";
    case v1::ROLE_ADMIN:
      return "admin";
    default:
      return "nobody";
  }
}

absl::StatusOr<std::vector<KeyEntry>> ParseKeyFile(std::string_view text,
                                                   const std::string& source) {
  std::vector<KeyEntry> entries;
  std::set<std::string> names;
  std::set<KeyDigest> digests;
  size_t number = 0;
  while (!text.empty()) {
    ++number;
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    absl::StatusOr<KeyEntry> entry = ReadEntry(line);
    absl::Status status = entry.status();
    if (status.ok() && !names.insert(entry->principal.name).second) {
      status = Wrong(fmt::format("a key named {} is there already", entry->principal.name));
    } else if (status.ok() && !digests.insert(entry->digest).second) {
      status = Wrong(
          fmt::format("the key of {} is there already, under another name", entry->principal.name));
    }
    if (!status.ok()) {
      return InvalidArgument(reason::kInvalidRequest, "{}:{}: {}", source, number,
                             std::string(status.message()));
    }
    entries.push_back(*std::move(entry));
  }
  return entries;
}

absl::StatusOr<std::vector<KeyEntry>> ReadKeyFile(const std::string& path) {
  KITH_ASSIGN_OR_RETURN(const FileContent file, ReadSmallFile(path, kMaxFile));
  if ((file.mode & S_IWOTH) != 0) {
    return InvalidArgument(reason::kInvalidRequest,
                           "everybody may write the keys file {} (mode {:03o}), and with that make "
                           "a key of their own: chmod o-w {}",
                           Quoted(path), file.mode & 0777, path);
  }
  return ParseKeyFile(file.text, path);
}

}  // namespace kith::security
