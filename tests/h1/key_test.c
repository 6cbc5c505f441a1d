/* The key of the handshake, and the hash behind it. */
#include <string.h>

#include "h1/key.h"
#include "tests/support/suite.h"

static void expect_sha1(const char *text, const char *hex) {
  static const char digits[] = "0123456789abcdef";
  uint8_t digest[20];
  char found[41] = "";
  size_t i;
  h2ws__h1_sha1(digest, text, strlen(text));
  for (i = 0; i < 20; i++) {
    found[i * 2] = digits[digest[i] >> 4];
    found[i * 2 + 1] = digits[digest[i] & 15];
  }
  ck_assert_str_eq(found, hex);
}

/* RFC 3174 section 7.3, and both sides of the block's edge. */
START_TEST(sha1_is_right) {
  expect_sha1("", "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  expect_sha1("abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
  expect_sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
              "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  expect_sha1("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
              "c1c8bbdc22796e28c0e15163d20899b65621d65a");
  expect_sha1("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
              "c2db330f6083854c99d4b5bfb6e8f29f201be699");
  expect_sha1("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
              "a",
              "0098ba824b5c16427bd7a1122a5a442a25ec644d");
}
END_TEST

/* RFC 6455 section 1.3 */
START_TEST(H_04_the_example_is_right) {
  char accept[H2WS__H1_ACCEPT_LEN + 1];
  h2ws__h1_accept(accept, "dGhlIHNhbXBsZSBub25jZQ==");
  ck_assert_str_eq(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
END_TEST

START_TEST(H_03_a_key_is_base64_of_16_bytes) {
  char key[H2WS__H1_KEY_LEN + 1];
  h2ws__h1_key(key, (const uint8_t *)"the sample nonce");
  ck_assert_str_eq(key, "dGhlIHNhbXBsZSBub25jZQ==");
  ck_assert(h2ws__h1_key_is_valid(key));
  ck_assert(!h2ws__h1_key_is_valid(""));
  ck_assert(!h2ws__h1_key_is_valid("dGhlIHNhbXBsZSBub25jZQ="));
  ck_assert(!h2ws__h1_key_is_valid("dGhlIHNhbXBsZSBub25jZQ==="));
  ck_assert(!h2ws__h1_key_is_valid("dGhlIHNhbXBsZSBub25jZQAA"));
  ck_assert(!h2ws__h1_key_is_valid("dGhlIHNhbXBsZSBub25jZ-=="));
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("h1/key");
  TCase *tc = tcase_create("key");
  tcase_add_test(tc, sha1_is_right);
  tcase_add_test(tc, H_04_the_example_is_right);
  tcase_add_test(tc, H_03_a_key_is_base64_of_16_bytes);
  suite_add_tcase(suite, tc);
  return suite;
}
