// A folder that is removed again, with all that is in it.

#ifndef KITH_TESTS_SUPPORT_TEMP_FOLDER_H_
#define KITH_TESTS_SUPPORT_TEMP_FOLDER_H_

#include <filesystem>

namespace kith {

class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace kith

#endif  // KITH_TESTS_SUPPORT_TEMP_FOLDER_H_
