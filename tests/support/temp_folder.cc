#include "tests/support/temp_folder.h"

#include <stdlib.h>

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

}  // namespace kith
