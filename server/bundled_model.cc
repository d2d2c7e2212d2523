#include <filesystem>
#include <string>
#include <system_error>

#include "server/server.h"

namespace kith::server {

std::string BundledModelDir() {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  for (const fs::path& dir :
       {program.parent_path().parent_path() / KITH_INSTALLED_MODEL, fs::path(KITH_SOURCE_MODEL)}) {
    if (fs::is_regular_file(dir / "config.json", error)) return dir.string();
  }
  return {};
}

}  // namespace kith::server
