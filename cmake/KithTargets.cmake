# How a target of Kith is made: warnings, sanitizers and the include root are the same everywhere.

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()

if(KITH_SANITIZE)
  add_compile_options(-fsanitize=${KITH_SANITIZE} -fno-omit-frame-pointer)
  if(KITH_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
  add_link_options(-fsanitize=${KITH_SANITIZE})
endif()

# Flags for code that Kith wrote (generated code is compiled without them).
add_library(kith_flags INTERFACE)
target_compile_options(kith_flags INTERFACE
  -Wall -Wextra
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  $<$<BOOL:${KITH_WERROR}>:-Werror>)
target_include_directories(kith_flags INTERFACE ${PROJECT_SOURCE_DIR})

# kith_library(NAME SOURCES a.cc ... PUBLIC targets... PRIVATE targets...)
# The library of one folder, with the alias kith::NAME. Headers are included from the root.
function(kith_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(kith_${name} STATIC ${ARG_SOURCES})
  add_library(kith::${name} ALIAS kith_${name})
  target_include_directories(kith_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(kith_${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE} kith_flags)
endfunction()

# What is run under ThreadSanitizer: the tests labelled tsan.
add_custom_target(tsan_tests)

# kith_test(NAME SOURCES a_test.cc ... LINK targets... [LABELS l...] [DATA DIR] [TIMEOUT s])
# One GoogleTest program, registered with ctest as one test. LABELS name what it needs or costs
# (slow, crash, tsan, ...).
function(kith_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} kith_flags GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE
    KITH_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data" KITH_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  if(KITH_SANITIZE MATCHES "thread")
    # The packaged Abseil's locks are invisible to ThreadSanitizer without it.
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/tsan/absl_sync.cc)
    target_link_libraries(${name} PRIVATE absl::synchronization ${CMAKE_DL_LIBS})
  endif()
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
  if(KITH_SANITIZE MATCHES "thread")
    set_tests_properties(${name} PROPERTIES ENVIRONMENT
      "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=${PROJECT_SOURCE_DIR}/tests/tsan/suppressions.txt")
  endif()
  if("tsan" IN_LIST ARG_LABELS)
    add_dependencies(tsan_tests ${name})
  endif()
endfunction()
