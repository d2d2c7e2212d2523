// ConnectionTable: how many connections are open, and how many of them from one address.
//
// Connections are handed to gRPC, which closes them without telling. So the table remembers each by
// its descriptor and the identity of the socket behind it (device and inode), and a sweep asks the
// kernel which of them are still there: a descriptor that was closed, or closed and given to
// another file, no longer leads to the same socket. Between sweeps the table may count connections
// that are gone, never fewer than are open; so a sweep is needed only when the count has reached
// the cap.
//
// Not thread-safe: it belongs to the accept loop.

#ifndef KITH_SERVER_NET_CONNECTION_TABLE_H_
#define KITH_SERVER_NET_CONNECTION_TABLE_H_

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

namespace kith::net {

class ConnectionTable {
 public:
  // Remembers the open socket `fd` of a client at `address`. False if `fd` is no socket.
  bool Add(int fd, const std::string& address);

  // Forgets what has been closed. About 0.3 us a connection.
  void Sweep();

  // Upper bounds; exact right after a sweep.
  size_t size() const { return connections_.size(); }
  size_t CountFrom(const std::string& address) const;

 private:
  struct Connection {
    int fd;
    dev_t device;
    ino_t inode;
    std::string address;
  };

  std::vector<Connection> connections_;
  std::unordered_map<std::string, size_t> by_address_;
};

}  // namespace kith::net

#endif  // KITH_SERVER_NET_CONNECTION_TABLE_H_
