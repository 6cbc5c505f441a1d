/*
 * UTF-8 by blocks says what UTF-8 byte by byte says, at the same byte. The
 * first byte says how the text is cut.
 */
#include <stdlib.h>
#include <string.h>

#include "ws/utf8.h"
#include "ws/utf8_vector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool ok) {
  if (!ok) {
    abort();
  }
}

/* A copy of its own, so that reading beyond the piece is seen. */
static bool feed_copy(struct h2ws__utf8 *utf8, const uint8_t *data, size_t len,
                      size_t width) {
  uint8_t *copy;
  bool possible;
  check(len > 0);
  copy = malloc(len);
  check(copy != NULL);
  memcpy(copy, data, len);
  possible = h2ws__utf8_feed_by(utf8, copy, len, width);
  free(copy);
  return possible;
}

static bool feed_bytes(struct h2ws__utf8 *utf8, const uint8_t *data,
                       size_t len) {
  size_t i;
  for (i = 0; i < len; i++) {
    if (!h2ws__utf8_feed_by(utf8, data + i, 1, 0)) {
      return false;
    }
  }
  return true;
}

static void compare(const uint8_t *data, size_t len, size_t piece,
                    size_t width) {
  struct h2ws__utf8 one = {0};
  struct h2ws__utf8 other = {0};
  bool possible = true;
  while (possible && len > 0) {
    size_t n = len < piece ? len : piece;
    possible = feed_bytes(&one, data, n);
    check(feed_copy(&other, data, n, width) == possible);
    check(!possible || one.state == other.state);
    data += n;
    len -= n;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  size_t width;
  if (len == 0) {
    return 0;
  }
  for (width = 0; width <= h2ws__utf8_width(); width += 16) {
    compare(data + 1, len - 1, 1 + (size_t)data[0], width);
    compare(data + 1, len - 1, len, width);
  }
  return 0;
}
