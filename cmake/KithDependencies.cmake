# Every library that Kith stands on, found once. All are Debian packages: scripts/setup installs them.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(absl REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc i18n data)
pkg_check_modules(rocksdb REQUIRED IMPORTED_TARGET rocksdb)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)

# oneDNN's own package file asks for OpenCL, which a CPU build does not need: name the library itself.
find_path(DNNL_INCLUDE_DIR oneapi/dnnl/dnnl.hpp REQUIRED)
find_library(DNNL_LIBRARY dnnl REQUIRED)
add_library(kith_dnnl INTERFACE)
add_library(kith::dnnl ALIAS kith_dnnl)
target_include_directories(kith_dnnl SYSTEM INTERFACE ${DNNL_INCLUDE_DIR})
target_link_libraries(kith_dnnl INTERFACE ${DNNL_LIBRARY})

# Headers alone, without a package file in Debian 12.
find_path(HNSWLIB_INCLUDE_DIR hnswlib/hnswlib.h REQUIRED)
add_library(kith_hnswlib INTERFACE)
add_library(kith::hnswlib ALIAS kith_hnswlib)
target_include_directories(kith_hnswlib SYSTEM INTERFACE ${HNSWLIB_INCLUDE_DIR})

# Snowball's stemmers come without a package file.
find_path(STEMMER_INCLUDE_DIR libstemmer.h REQUIRED)
find_library(STEMMER_LIBRARY stemmer REQUIRED)
add_library(kith_stemmer INTERFACE)
add_library(kith::stemmer ALIAS kith_stemmer)
target_include_directories(kith_stemmer SYSTEM INTERFACE ${STEMMER_INCLUDE_DIR})
target_link_libraries(kith_stemmer INTERFACE ${STEMMER_LIBRARY})

# CRoaring: Debian 12 has no package file that CMake or pkg-config would find.
find_path(ROARING_INCLUDE_DIR roaring/roaring.h REQUIRED)
find_library(ROARING_LIBRARY roaring REQUIRED)
add_library(kith_roaring INTERFACE)
add_library(kith::roaring ALIAS kith_roaring)
target_include_directories(kith_roaring SYSTEM INTERFACE ${ROARING_INCLUDE_DIR})
target_link_libraries(kith_roaring INTERFACE ${ROARING_LIBRARY})

if(BUILD_TESTING)
  find_package(GTest REQUIRED)
endif()
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)
find_program(GRPC_PYTHON_PLUGIN grpc_python_plugin REQUIRED)
