# Debian ships pkg-config files for nghttp2, libevent, OpenSSL and zlib; wslay,
# http_parser and llhttp have none, so modules of ours look for their files.
find_package(PkgConfig REQUIRED)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
pkg_check_modules(EVENT REQUIRED IMPORTED_TARGET libevent_core
                  libevent_extra libevent_pthreads)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
find_package(wslay REQUIRED MODULE)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Threads REQUIRED)
# llhttp is what http_parser became; Debian 12 has only the older one.
find_package(llhttp QUIET MODULE)
if(llhttp_FOUND)
  set(H2WS_H1_PARSER llhttp)
else()
  find_package(http_parser REQUIRED MODULE)
  set(H2WS_H1_PARSER http_parser)
endif()
if(H2WS_BUILD_TESTS)
  pkg_check_modules(CHECK REQUIRED IMPORTED_TARGET check)
endif()
