# What every file of ours is compiled with: one interface target.
add_library(h2ws_flags INTERFACE)
target_compile_definitions(h2ws_flags INTERFACE _GNU_SOURCE)
target_compile_options(
  h2ws_flags
  INTERFACE -Wall
            -Wextra
            -Wpedantic
            -Wconversion
            -Wsign-conversion
            -Wshadow
            -Wstrict-prototypes
            -Wmissing-prototypes
            -Wundef
            -Wvla
            -Wcast-align
            -Wformat=2
            -Wimplicit-fallthrough
            $<$<BOOL:${H2WS_WERROR}>:-Werror>)

# Asserts guard invariants and stay on in release builds.
foreach(config RELEASE RELWITHDEBINFO MINSIZEREL)
  string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_${config}
                 "${CMAKE_C_FLAGS_${config}}")
endforeach()

if(H2WS_HARDEN)
  target_compile_options(
    h2ws_flags INTERFACE -fstack-protector-strong -U_FORTIFY_SOURCE
                         -D_FORTIFY_SOURCE=3)
  target_link_options(h2ws_flags INTERFACE -Wl,-z,relro,-z,now)
endif()

if(H2WS_COVERAGE)
  target_compile_options(h2ws_flags INTERFACE --coverage -fprofile-abs-path
                         -fprofile-update=atomic)
  target_link_options(h2ws_flags INTERFACE --coverage)
endif()

if(H2WS_BUILD_FUZZ)
  target_compile_options(h2ws_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(H2WS_SANITIZE)
  target_compile_options(
    h2ws_flags INTERFACE -fsanitize=${H2WS_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)
  target_link_options(h2ws_flags INTERFACE -fsanitize=${H2WS_SANITIZE})
endif()
