// How many files and sockets the process may have open (RLIMIT_NOFILE).

#ifndef KITH_SERVER_NET_DESCRIPTOR_LIMIT_H_
#define KITH_SERVER_NET_DESCRIPTOR_LIMIT_H_

#include <cstddef>

namespace kith::net {

// Raises the soft limit to the hard one (at most 1,048,576) and returns what it is now.
size_t RaiseDescriptorLimit();

// Connections that fit under `descriptors`: 60 %, since storage and models need theirs too.
constexpr size_t ConnectionCap(size_t descriptors) { return descriptors * 6 / 10; }

}  // namespace kith::net

#endif  // KITH_SERVER_NET_DESCRIPTOR_LIMIT_H_
