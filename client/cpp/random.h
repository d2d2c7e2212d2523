// Randomness of the client: ids that nobody else makes, and jitter. Thread-safe.

#ifndef KITH_CLIENT_CPP_RANDOM_H_
#define KITH_CLIENT_CPP_RANDOM_H_

#include <string>

namespace kith::client {

// 128 bits from the operating system, as 32 hexadecimal digits: a request id or a stream id.
std::string RandomId();

// Uniform in [0, 1).
double RandomFraction();

}  // namespace kith::client

#endif  // KITH_CLIENT_CPP_RANDOM_H_
