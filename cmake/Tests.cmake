# Each tests/<area>/<name>_test.c is one program and one test <area>/<name>.
file(GLOB H2WS_TEST_SUPPORT CONFIGURE_DEPENDS tests/support/*.c)
file(GLOB H2WS_TESTS CONFIGURE_DEPENDS tests/*/*_test.c)

if(H2WS_TEST_SUPPORT)
  add_library(h2ws_test_support STATIC ${H2WS_TEST_SUPPORT})
  target_include_directories(h2ws_test_support PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(
    h2ws_test_support PUBLIC h2ws_all PkgConfig::CHECK PkgConfig::NGHTTP2)
endif()

set(H2WS_TEST_ENV "CK_DEFAULT_TIMEOUT=120")
if(H2WS_SANITIZE)
  list(APPEND H2WS_TEST_ENV "CK_FORK=no" "ASAN_OPTIONS=detect_leaks=1")
endif()

foreach(source ${H2WS_TESTS})
  get_filename_component(name ${source} NAME_WE)
  get_filename_component(dir ${source} DIRECTORY)
  get_filename_component(area ${dir} NAME)
  if(area MATCHES "^(interop|support|package)$" OR
     (area MATCHES "^(io|cli)$" AND NOT TARGET h2ws_static))
    continue()
  endif()
  string(REGEX REPLACE "_test$" "" short ${name})
  set(target test-${area}-${short})
  add_executable(${target} ${source})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${target} PRIVATE h2ws_test_support)
  if(area STREQUAL "io")
    target_link_libraries(${target} PRIVATE OpenSSL::SSL PkgConfig::EVENT)
  endif()
  add_test(NAME ${area}/${short} COMMAND ${target})
  set_tests_properties(
    ${area}/${short} PROPERTIES ENVIRONMENT "${H2WS_TEST_ENV}" TIMEOUT 240
                                LABELS ${area})
endforeach()

if(NOT H2WS_SANITIZE)
  add_test(NAME layers
           COMMAND ${PROJECT_SOURCE_DIR}/tests/layers/layers.sh
                   ${PROJECT_SOURCE_DIR} $<TARGET_FILE:h2ws_core_static>)
  if(EXISTS ${PROJECT_SOURCE_DIR}/tests/package/package.sh)
    add_test(NAME package
             COMMAND ${PROJECT_SOURCE_DIR}/tests/package/package.sh
                     ${PROJECT_SOURCE_DIR} ${CMAKE_BINARY_DIR})
    set_tests_properties(package PROPERTIES TIMEOUT 300)
  endif()
endif()

if(TARGET h2ws_tool)
  file(GLOB H2WS_TOOL_TESTS CONFIGURE_DEPENDS tests/cli/*.sh)
  foreach(script ${H2WS_TOOL_TESTS})
    get_filename_component(name ${script} NAME_WE)
    add_test(NAME cli/${name} COMMAND ${script} $<TARGET_FILE:h2ws_tool>)
    set_tests_properties(cli/${name} PROPERTIES TIMEOUT 240 LABELS cli)
  endforeach()
endif()

if(NOT H2WS_BUILD_FUZZ)
  foreach(source ${H2WS_FUZZ})
    get_filename_component(name ${source} NAME_WE)
    add_test(NAME fuzz/${name} COMMAND ${name}
                                       ${PROJECT_SOURCE_DIR}/fuzz/corpus/${name})
    set_tests_properties(fuzz/${name} PROPERTIES TIMEOUT 240 LABELS fuzz)
  endforeach()
endif()
