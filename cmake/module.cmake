# vivace_module(<folder> [DEPS folder...] [TEST_DEPS folder...] [LIBS target...]): see the top of
# CMakeLists.txt.
# What lies in testing/ belongs to the tests.
# A folder that has no sources yet becomes an interface library, so that the road can be laid first.
include(GoogleTest)

function(vivace_module name)
  cmake_parse_arguments(ARG "" "" "DEPS;TEST_DEPS;LIBS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "(_test\\.cc|/testing/[^/]+)$")
  list(FILTER sources EXCLUDE REGEX "(_test\\.cc|/testing/[^/]+)$")
  list(TRANSFORM ARG_DEPS PREPEND vivace_ OUTPUT_VARIABLE deps)
  list(TRANSFORM ARG_TEST_DEPS PREPEND vivace_ OUTPUT_VARIABLE test_deps)

  if(sources)
    add_library(vivace_${name} STATIC ${sources})
    target_link_libraries(vivace_${name} PUBLIC vivace_options ${deps} ${ARG_LIBS})
  else()
    add_library(vivace_${name} INTERFACE)
    target_link_libraries(vivace_${name} INTERFACE vivace_options ${deps} ${ARG_LIBS})
  endif()

  if(tests AND VIVACE_TESTS)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE vivace_${name} ${test_deps}
                          GTest::gmock GTest::gtest_main)
    add_dependencies(unit_tests ${name}_test)
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}/" DISCOVERY_MODE PRE_TEST
                         PROPERTIES TIMEOUT 300 LABELS unit)
  endif()
endfunction()
