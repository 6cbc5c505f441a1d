# Debian ships pkg-config files for nghttp2, libevent, OpenSSL and zlib, and
# for wslay a CMake package without a version file.
find_package(PkgConfig REQUIRED)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
pkg_check_modules(EVENT REQUIRED IMPORTED_TARGET libevent_core
                  libevent_extra libevent_pthreads)
find_package(wslay CONFIG REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Threads REQUIRED)
if(H2WS_BUILD_TESTS)
  pkg_check_modules(CHECK REQUIRED IMPORTED_TARGET check)
endif()
