# cli/page.html as C, with a Content-Security-Policy that names what it holds:
# its script and its style by their hashes, WebSockets to where it came from.
set(page ${PROJECT_SOURCE_DIR}/cli/page.html)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${page})

# SHA-256 in base64, which CMake gives in hexadecimal: 3 digits are 2 characters.
function(h2ws_hash out text)
  set(base64
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  string(SHA256 hex "${text}")
  set(hash "")
  foreach(at RANGE 0 63 3)
    string(SUBSTRING "${hex}00" ${at} 3 digits)
    math(EXPR high "0x${digits} >> 6")
    math(EXPR low "0x${digits} & 63")
    string(SUBSTRING ${base64} ${high} 1 first)
    string(SUBSTRING ${base64} ${low} 1 second)
    string(APPEND hash ${first}${second})
  endforeach()
  string(SUBSTRING ${hash} 0 43 hash)
  set(${out} "'sha256-${hash}='" PARENT_SCOPE)
endfunction()

file(READ ${page} text)
string(REGEX MATCH "<script>(.*)</script>" script "${text}")
h2ws_hash(script "${CMAKE_MATCH_1}")
string(REGEX MATCH "<style>(.*)</style>" style "${text}")
h2ws_hash(style "${CMAKE_MATCH_1}")
file(READ ${page} bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
file(CONFIGURE OUTPUT cli/page.c CONTENT [[
#include "cli/cli.h"

const char cli_page_policy[] =
  "default-src 'none'; script-src @script@; "
  "style-src @style@; img-src data:; connect-src 'self'; "
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const uint8_t cli_page[] = {@bytes@};
const size_t cli_page_len = sizeof(cli_page);
]] @ONLY)
