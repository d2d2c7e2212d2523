#include "tests/support/temp_folder.h"

#include <stdlib.h>

#include <fstream>
#include <string>
#include <system_error>

#include "kith/base/check.h"

namespace kith {

TempFolder::TempFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "kith-test-XXXXXX").string();
  KITH_CHECK(mkdtemp(pattern.data()) != nullptr, "tests need a temporary folder");
  path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempFolder::Write(std::string_view name, std::string_view bytes) const {
  const std::filesystem::path file = path_ / name;
  std::filesystem::create_directories(file.parent_path());
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  KITH_CHECK(out.flush().good(), "tests need a disk with room");
  return file.string();
}

}  // namespace kith
