#include "tests/support/zpeer.h"

#include <check.h>
#include <zlib.h>

void zpeer_zeros(struct test_bytes *out, size_t len) {
  static uint8_t zeros[65536];
  static uint8_t buf[65536];
  z_stream z = {0};
  ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY),
                   Z_OK);
  while (len > 0 || z.avail_out == 0) {
    size_t n = len < sizeof(zeros) ? len : sizeof(zeros);
    if (z.avail_in == 0) {
      z.next_in = zeros;
      z.avail_in = (uInt)n;
      len -= n;
    }
    z.next_out = buf;
    z.avail_out = sizeof(buf);
    ck_assert_int_ne(deflate(&z, len == 0 ? Z_SYNC_FLUSH : Z_NO_FLUSH),
                     Z_STREAM_ERROR);
    test_bytes_add(out, buf, sizeof(buf) - z.avail_out);
  }
  out->len -= 4;
  (void)deflateEnd(&z);
}

void zpeer_expect(const struct test_bytes *payload, int bits,
                  const uint8_t *want, size_t len) {
  uint8_t buf[256]; /* small, or it would serve as history */
  size_t got = 0;
  z_stream z = {0};
  int rv = Z_OK;
  ck_assert_int_eq(inflateInit2(&z, -bits), Z_OK);
  z.next_in = payload->data;
  z.avail_in = (uInt)payload->len;
  while (rv == Z_OK) {
    z.next_out = buf;
    z.avail_out = sizeof(buf);
    rv = inflate(&z, Z_SYNC_FLUSH);
    ck_assert_uint_le(got + sizeof(buf) - z.avail_out, len);
    ck_assert_mem_eq(buf, want + got, sizeof(buf) - z.avail_out);
    got += sizeof(buf) - z.avail_out;
  }
  ck_assert_int_eq(rv, Z_BUF_ERROR);
  ck_assert_uint_eq(got, len);
  (void)inflateEnd(&z);
}
