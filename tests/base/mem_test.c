/* Memory comes from the allocator that was given, and goes back to it. */
#include "lib/base/mem.h"

#include <string.h>

#include "lib/base/blob.h"
#include "lib/base/env.h"
#include "tests/support/clock.h"
#include "tests/support/suite.h"

static struct test_env outside;
static h2ws_mem mem;

static void begin(void) {
  h2ws_conn_options options;
  test_env_init(&outside);
  test_env_options(&outside, &mem, &options);
}

START_TEST(blocks_are_the_allocators) {
  uint8_t *block;
  begin();
  block = h2ws__mem_alloc(&mem, 10);
  ck_assert_ptr_nonnull(block);
  memset(block, 7, 10);
  block = h2ws__mem_resize(&mem, block, 1000);
  ck_assert_ptr_nonnull(block);
  ck_assert_uint_eq(block[9], 7);
  ck_assert_uint_eq(outside.allocations, 2);
  ck_assert_uint_eq(outside.largest, 1000);
  ck_assert_uint_eq(outside.live, 1);
  h2ws__mem_free(&mem, block);
  ck_assert_uint_eq(outside.live, 0);
}
END_TEST

START_TEST(zeroed_blocks) {
  static const uint8_t zeros[500];
  uint8_t *block;
  begin();
  block = h2ws__mem_zalloc(&mem, sizeof(zeros));
  ck_assert_ptr_nonnull(block);
  ck_assert_mem_eq(block, zeros, sizeof(zeros));
  h2ws__mem_free(&mem, block);
  ck_assert_uint_eq(outside.live, 0);
}
END_TEST

START_TEST(copies_of_strings) {
  char *copy;
  begin();
  copy = h2ws__mem_strndup(&mem, "hello", 4);
  ck_assert_str_eq(copy, "hell");
  h2ws__mem_free(&mem, copy);
  copy = h2ws__mem_strndup(&mem, "x", 0);
  ck_assert_str_eq(copy, "");
  h2ws__mem_free(&mem, copy);
  ck_assert_uint_eq(outside.live, 0);
}
END_TEST

START_TEST(failure_is_null) {
  void *block;
  begin();
  outside.fail_at = 1;
  outside.fail_after = true;
  ck_assert_ptr_null(h2ws__mem_alloc(&mem, 1));
  ck_assert_ptr_null(h2ws__mem_zalloc(&mem, 1));
  ck_assert_ptr_null(h2ws__mem_strndup(&mem, "a", 1));
  ck_assert_ptr_null(h2ws__blob_new(&mem, 10));
  ck_assert_ptr_null(h2ws__env_new(&mem));
  outside.fail_at = 0;
  block = h2ws__mem_alloc(&mem, 1);
  outside.fail_at = 1;
  ck_assert_ptr_null(h2ws__mem_resize(&mem, block, 100));
  h2ws__mem_free(&mem, block); /* it is still there */
  ck_assert_uint_eq(outside.live, 0);
}
END_TEST

static void release_never(void *ptr, void *user) {
  (void)user;
  ck_abort_msg("released %p", ptr);
}

START_TEST(freeing_nothing_does_nothing) {
  begin();
  mem.release = release_never;
  h2ws__mem_free(&mem, NULL);
}
END_TEST

START_TEST(the_default_is_malloc) {
  const h2ws_mem *malloced = h2ws__mem_default();
  void *block = h2ws__mem_resize(malloced, NULL, 100);
  ck_assert_ptr_nonnull(block);
  h2ws__mem_free(malloced, block);
}
END_TEST

START_TEST(a_blob_lives_as_long_as_its_last_owner) {
  struct h2ws__blob *blob;
  begin();
  blob = h2ws__blob_new(&mem, 100);
  ck_assert_ptr_nonnull(blob);
  ck_assert_uint_eq(blob->len, 100);
  ck_assert_ptr_eq(h2ws__blob_retain(blob), blob);
  h2ws__blob_release(blob);
  ck_assert_uint_eq(outside.live, 1);
  h2ws__blob_release(blob);
  ck_assert_uint_eq(outside.live, 0);
  ck_assert_ptr_null(h2ws__blob_new(&mem, SIZE_MAX));
}
END_TEST

START_TEST(an_env_lives_as_long_as_its_last_owner) {
  struct h2ws__env *env;
  begin();
  env = h2ws__env_new(&mem);
  ck_assert_ptr_nonnull(env);
  ck_assert_ptr_eq(h2ws__env_retain(env), env);
  h2ws__env_release(env);
  ck_assert_uint_gt(outside.live, 0);
  h2ws__env_release(env);
  ck_assert_uint_eq(outside.live, 0);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("base/mem");
  TCase *tc = tcase_create("mem");
  tcase_add_test(tc, blocks_are_the_allocators);
  tcase_add_test(tc, zeroed_blocks);
  tcase_add_test(tc, copies_of_strings);
  tcase_add_test(tc, failure_is_null);
  tcase_add_test(tc, freeing_nothing_does_nothing);
  tcase_add_test(tc, the_default_is_malloc);
  tcase_add_test(tc, a_blob_lives_as_long_as_its_last_owner);
  tcase_add_test(tc, an_env_lives_as_long_as_its_last_owner);
  suite_add_tcase(suite, tc);
  return suite;
}
