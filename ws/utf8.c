#include "ws/utf8.h"

#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* 16 bytes in one register, where the machine has such. */
typedef uint64_t words __attribute__((vector_size(16)));

static words load(const uint8_t *data) {
  words w;
  memcpy(&w, data, sizeof(w));
  return w;
}

/* How many bytes from `data` on are ASCII, in steps of 64 and 8. */
static size_t ascii_run(const uint8_t *data, size_t len) {
  size_t i = 0;
  uint64_t w;
  while (i + 64 <= len) {
    words all = (load(data + i) | load(data + i + 16)) |
                (load(data + i + 32) | load(data + i + 48));
    if (((all[0] | all[1]) & HIGH_BITS) != 0) {
      break;
    }
    i += 64;
  }
  while (i + 8 <= len) {
    memcpy(&w, data + i, sizeof(w));
    if ((w & HIGH_BITS) != 0) {
      break;
    }
    i += 8;
  }
  return i;
}

/* The first byte of a character of several (RFC 3629 section 4). */
static bool utf8_begin(struct h2ws__utf8 *utf8, uint8_t byte) {
  utf8->low = 0x80;
  utf8->high = 0xbf;
  if (byte >= 0xc2 && byte <= 0xdf) {
    utf8->need = 1;
  } else if (byte >= 0xe0 && byte <= 0xef) {
    utf8->need = 2;
    if (byte == 0xe0) {
      utf8->low = 0xa0; /* shorter forms exist */
    } else if (byte == 0xed) {
      utf8->high = 0x9f; /* surrogates */
    }
  } else if (byte >= 0xf0 && byte <= 0xf4) {
    utf8->need = 3;
    if (byte == 0xf0) {
      utf8->low = 0x90;
    } else if (byte == 0xf4) {
      utf8->high = 0x8f; /* beyond U+10FFFF */
    }
  } else {
    return false;
  }
  return true;
}

static bool is_continuation(uint8_t byte) {
  return (byte & 0xc0) == 0x80;
}

/*
 * Bytes of whole characters at the front, as far as they lie within `len`
 * with room to spare; stops before what the slow path must look at.
 */
static size_t multibyte_run(const uint8_t *p, size_t len) {
  size_t i = 0;
  while (i + 4 <= len) {
    if (p[i] < 0x80) {
      i++;
    } else if (p[i] >= 0xc2 && p[i] <= 0xdf && is_continuation(p[i + 1])) {
      i += 2;
    } else if (p[i] > 0xe0 && p[i] <= 0xef && p[i] != 0xed &&
               is_continuation(p[i + 1]) && is_continuation(p[i + 2])) {
      i += 3;
    } else if (p[i] > 0xf0 && p[i] < 0xf4 && is_continuation(p[i + 1]) &&
               is_continuation(p[i + 2]) && is_continuation(p[i + 3])) {
      i += 4;
    } else {
      break;
    }
    if (p[i - 1] < 0x80 && i + 8 <= len) {
      size_t ascii = ascii_run(p + i, len - i);
      i += ascii;
    }
  }
  return i;
}

/* One byte where the fast paths stopped. */
static bool utf8_step(struct h2ws__utf8 *utf8, uint8_t byte) {
  if (utf8->need == 0) {
    return byte < 0x80 || utf8_begin(utf8, byte);
  }
  if (byte < utf8->low || byte > utf8->high) {
    return false;
  }
  utf8->need--;
  utf8->low = 0x80;
  utf8->high = 0xbf;
  return true;
}

bool h2ws__utf8_feed(struct h2ws__utf8 *utf8, const uint8_t *data, size_t len) {
  size_t i = 0;
  while (i < len) {
    if (utf8->need == 0) {
      i += ascii_run(data + i, len - i);
      i += multibyte_run(data + i, len - i);
    }
    if (i < len && !utf8_step(utf8, data[i++])) {
      return false;
    }
  }
  return true;
}

bool h2ws__utf8_is_complete(const struct h2ws__utf8 *utf8) {
  return utf8->need == 0;
}

bool h2ws__utf8_is_valid(const uint8_t *data, size_t len) {
  struct h2ws__utf8 utf8 = {0};
  return h2ws__utf8_feed(&utf8, data, len) && h2ws__utf8_is_complete(&utf8);
}
