// A folder that is removed again, with all that is in it.
//
//   TempFolder folder;
//   folder.Write("a/b.txt", "content");

#ifndef KITH_TESTS_SUPPORT_TEMP_FOLDER_H_
#define KITH_TESTS_SUPPORT_TEMP_FOLDER_H_

#include <filesystem>
#include <string>
#include <string_view>

namespace kith {

class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string Join(std::string_view name) const { return (path_ / name).string(); }

  // Writes a file, making the folders on its way; returns its path.
  std::string Write(std::string_view name, std::string_view bytes) const;

 private:
  std::filesystem::path path_;
};

}  // namespace kith

#endif  // KITH_TESTS_SUPPORT_TEMP_FOLDER_H_
