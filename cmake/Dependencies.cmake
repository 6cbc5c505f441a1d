# Debian ships pkg-config files for nghttp2, libevent, OpenSSL and zlib; wslay
# and http_parser have none, so modules of ours look for their files.
find_package(PkgConfig REQUIRED)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
pkg_check_modules(EVENT REQUIRED IMPORTED_TARGET libevent_core
                  libevent_extra libevent_pthreads)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
find_package(wslay REQUIRED MODULE)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Threads REQUIRED)
file(GLOB H2WS_H1_SOURCES CONFIGURE_DEPENDS h1/*.c)
if(H2WS_H1_SOURCES)
  find_package(http_parser REQUIRED MODULE)
endif()
if(H2WS_BUILD_TESTS)
  pkg_check_modules(CHECK REQUIRED IMPORTED_TARGET check)
endif()
