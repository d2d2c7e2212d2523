#include "server/net/connection_table.h"

#include <sys/stat.h>

#include <utility>

namespace kith::net {

bool ConnectionTable::Add(int fd, const std::string& address) {
  struct stat info;
  if (fstat(fd, &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  connections_.push_back({fd, info.st_dev, info.st_ino, address});
  ++by_address_[address];
  return true;
}

void ConnectionTable::Sweep() {
  size_t kept = 0;
  for (Connection& connection : connections_) {
    struct stat info;
    const bool open = fstat(connection.fd, &info) == 0 && info.st_dev == connection.device &&
                      info.st_ino == connection.inode;
    if (open) {
      if (&connections_[kept] != &connection) connections_[kept] = std::move(connection);
      ++kept;
      continue;
    }
    const auto count = by_address_.find(connection.address);
    if (--count->second == 0) by_address_.erase(count);
  }
  connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(kept), connections_.end());
}

size_t ConnectionTable::CountFrom(const std::string& address) const {
  const auto count = by_address_.find(address);
  return count == by_address_.end() ? 0 : count->second;
}

}  // namespace kith::net
