# Each tests/<area>/<name>_test.c is one program and one test <area>/<name>.
file(GLOB H2WS_TEST_SUPPORT CONFIGURE_DEPENDS tests/support/*.c)
file(GLOB H2WS_TESTS CONFIGURE_DEPENDS tests/*/*_test.c)

if(H2WS_TEST_SUPPORT)
  add_library(h2ws_test_support STATIC ${H2WS_TEST_SUPPORT})
  target_include_directories(h2ws_test_support PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(
    h2ws_test_support PUBLIC h2ws_all PkgConfig::CHECK PkgConfig::NGHTTP2)
endif()

# What the tests of the edge share: peers, certificates.
file(GLOB H2WS_TEST_IO_SUPPORT CONFIGURE_DEPENDS tests/io/support/*.c)
if(TARGET h2ws_static AND H2WS_TEST_IO_SUPPORT)
  add_library(h2ws_test_io_support STATIC ${H2WS_TEST_IO_SUPPORT})
  target_link_libraries(
    h2ws_test_io_support PUBLIC h2ws_test_support OpenSSL::SSL PkgConfig::EVENT
                                Threads::Threads)
endif()

# CK_DEFAULT_TIMEOUT is for one check, TIMEOUT for the program with all of them.
set(H2WS_TEST_ENV "CK_DEFAULT_TIMEOUT=30")
set(H2WS_TEST_TIMEOUT 60)
if(H2WS_SANITIZE)
  set(H2WS_TEST_ENV
      "CK_FORK=no" "CK_DEFAULT_TIMEOUT=240"
      "ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1"
      "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"
      "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1")
endif()
if(H2WS_SANITIZE OR H2WS_COVERAGE)
  set(H2WS_TEST_TIMEOUT 300)
endif()

foreach(source ${H2WS_TESTS})
  get_filename_component(name ${source} NAME_WE)
  get_filename_component(dir ${source} DIRECTORY)
  get_filename_component(area ${dir} NAME)
  if(area MATCHES "^(interop|support|package)$" OR
     (NOT TARGET h2ws_static AND
      "${area}/${name}" MATCHES "^(io|cli)/|^faults/(edge|easy)_"))
    continue()
  endif()
  string(REGEX REPLACE "_test$" "" short ${name})
  set(target test-${area}-${short})
  add_executable(${target} ${source})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${target} PRIVATE h2ws_test_support)
  if(area STREQUAL "io")
    target_link_libraries(${target} PRIVATE h2ws_test_io_support)
  endif()
  add_test(NAME ${area}/${short} COMMAND ${target})
  set_tests_properties(
    ${area}/${short} PROPERTIES ENVIRONMENT "${H2WS_TEST_ENV}"
                                TIMEOUT ${H2WS_TEST_TIMEOUT} LABELS ${area})
endforeach()

# Where the Nth allocation of the edge fails: the library's objects once more,
# with other names for what allocates, and for nobody else.
if(TARGET h2ws_static)
  set(syms ${PROJECT_SOURCE_DIR}/tests/faults/support/alloc.syms)
  set(nomem ${CMAKE_BINARY_DIR}/nomem.o)
  add_custom_command(
    OUTPUT ${nomem}
    COMMAND ${CMAKE_LINKER} -r -o ${nomem}.in
            $<TARGET_OBJECTS:h2ws_core_objects> $<TARGET_OBJECTS:h2ws_objects>
    COMMAND ${CMAKE_OBJCOPY} --redefine-syms=${syms} ${nomem}.in ${nomem}
    DEPENDS ${syms} $<TARGET_OBJECTS:h2ws_core_objects>
            $<TARGET_OBJECTS:h2ws_objects>
    COMMAND_EXPAND_LISTS VERBATIM)
  add_custom_target(h2ws_nomem DEPENDS ${nomem})
  set_source_files_properties(${nomem} PROPERTIES EXTERNAL_OBJECT ON)
  foreach(target test-faults-edge_nomem test-faults-easy_nomem)
    add_dependencies(${target} h2ws_nomem)
    target_sources(${target} PRIVATE ${nomem} tests/faults/support/alloc.c)
    target_link_libraries(${target} PRIVATE h2ws_test_io_support)
  endforeach()
endif()

# Each public header compiles alone.
file(GLOB H2WS_HEADERS CONFIGURE_DEPENDS include/h2ws/*.h)
set(alone)
foreach(header ${H2WS_HEADERS})
  get_filename_component(name ${header} NAME_WE)
  file(CONFIGURE OUTPUT headers/${name}_alone.c
       CONTENT "#include <h2ws/${name}.h>\n")
  list(APPEND alone ${CMAKE_BINARY_DIR}/headers/${name}_alone.c)
endforeach()
add_library(h2ws_headers OBJECT ${alone})
target_include_directories(h2ws_headers PRIVATE include)
target_link_libraries(h2ws_headers PRIVATE h2ws_flags)

# Sanitizers and coverage add symbols of their own and link only with their own
# flags: the libraries as such are judged in the other presets.
if(NOT H2WS_SANITIZE AND NOT H2WS_COVERAGE)
  add_test(
    NAME layers
    COMMAND
      ${PROJECT_SOURCE_DIR}/tests/layers/layers.sh ${PROJECT_SOURCE_DIR}
      $<TARGET_FILE:h2ws_core_static> $<TARGET_FILE:h2ws_core_shared>
      $<$<TARGET_EXISTS:h2ws_shared>:$<TARGET_FILE:$<TARGET_NAME_IF_EXISTS:h2ws_shared>>>
    COMMAND_EXPAND_LISTS)
  add_test(
    NAME package
    COMMAND ${PROJECT_SOURCE_DIR}/tests/package/package.sh ${CMAKE_BINARY_DIR}
            ${CMAKE_C_COMPILER} ${PROJECT_VERSION})
  set_tests_properties(layers PROPERTIES TIMEOUT 60 LABELS layers)
  set_tests_properties(package PROPERTIES TIMEOUT 300 LABELS package)
endif()

if(TARGET h2ws_tool)
  file(GLOB H2WS_TOOL_TESTS CONFIGURE_DEPENDS tests/cli/*.sh)
  foreach(script ${H2WS_TOOL_TESTS})
    get_filename_component(name ${script} NAME_WE)
    add_test(NAME cli/${name} COMMAND ${script} $<TARGET_FILE:h2ws_tool>)
    set_tests_properties(cli/${name} PROPERTIES TIMEOUT 240 LABELS cli)
  endforeach()
endif()

if(H2WS_BUILD_EXAMPLES AND TARGET h2ws_tool)
  add_test(
    NAME examples
    COMMAND ${PROJECT_SOURCE_DIR}/tests/examples/examples.sh
            ${PROJECT_SOURCE_DIR} ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}
            $<TARGET_FILE:h2ws_shared>)
  set_tests_properties(examples PROPERTIES TIMEOUT 240 LABELS examples)
endif()
