// A folder that is gone when its test ends.

#ifndef KITH_TESTS_CLIENT_TEMP_FOLDER_H_
#define KITH_TESTS_CLIENT_TEMP_FOLDER_H_

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace kith {

class TempFolder {
 public:
  TempFolder() {
    std::string name = testing::TempDir() + "/kith-client-XXXXXX";
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const { return path_; }

  // Writes a file, making the folders on its way; returns its path.
  std::string Write(const std::string& name, std::string_view bytes) const {
    const std::filesystem::path file = std::filesystem::path(path_) / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << bytes;
    return file.string();
  }

 private:
  std::string path_;
};

}  // namespace kith

#endif  // KITH_TESTS_CLIENT_TEMP_FOLDER_H_
