/* The byte queue, beside a flat array that does the same. */
#include "lib/base/bufq.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/clock.h"
#include "tests/support/suite.h"

#define MODEL_MAX (1 << 20)

static struct test_env env;
static h2ws_mem mem;
static struct h2ws__chunk_pool pool;
static struct h2ws__bufq q;
static uint8_t model[MODEL_MAX]; /* what is queued, from the front */
static size_t model_len;
static uint8_t next_byte;

static void begin(size_t free_max) {
  h2ws_conn_options options;
  test_env_init(&env);
  test_env_options(&env, &mem, &options);
  h2ws__chunk_pool_init(&pool, &mem, free_max);
  memset(&q, 0, sizeof(q));
  model_len = 0;
}

static void end(void) {
  h2ws__bufq_dispose(&q, &pool);
  ck_assert_uint_eq(q.len, 0);
  h2ws__chunk_pool_trim(&pool);
  ck_assert_uint_eq(env.live, 0);
}

/* The next `len` bytes of a pattern, which are to be queued. */
static const uint8_t *pattern(size_t len) {
  size_t i;
  ck_assert_uint_le(model_len + len, MODEL_MAX);
  for (i = 0; i < len; i++) {
    model[model_len + i] = next_byte++;
  }
  return model + model_len;
}

static void append(size_t len) {
  ck_assert_int_eq(h2ws__bufq_append(&q, &pool, pattern(len), len), 0);
  model_len += len;
}

static void reserve(size_t len, size_t commit) {
  uint8_t *out = NULL;
  ck_assert_int_eq(h2ws__bufq_reserve(&q, &pool, &out, len), 0);
  memcpy(out, pattern(commit), commit);
  h2ws__bufq_commit(&q, commit);
  model_len += commit;
}

static void forget(size_t len) {
  model_len -= len;
  memmove(model, model + len, model_len);
}

static void drain(size_t len) {
  h2ws__bufq_drain(&q, &pool, len);
  forget(len);
}

static void read_some(size_t len) {
  static uint8_t buf[MODEL_MAX];
  size_t expected = len < model_len ? len : model_len;
  ck_assert_uint_eq(h2ws__bufq_read(&q, &pool, buf, len), expected);
  if (expected > 0) {
    ck_assert_mem_eq(buf, model, expected);
  }
  forget(expected);
}

static void expect_same(void) {
  uint8_t *data = NULL;
  size_t n = h2ws__bufq_peek(&q, &data);
  ck_assert_uint_eq(q.len, model_len);
  ck_assert((n == 0) == (model_len == 0));
  ck_assert_uint_le(n, model_len);
  if (n > 0) {
    ck_assert_mem_eq(data, model, n);
  }
}

START_TEST(bytes_come_out_as_they_went_in) {
  static const size_t sizes[] = {1,    2,     100,   1999,  2000,  2001,
                                 4000, 65535, 65536, 65537, 200000};
  size_t i;
  begin(8);
  for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    append(sizes[i]);
    expect_same();
  }
  while (model_len > 0) {
    read_some(12345);
    expect_same();
  }
  read_some(1);
  end();
}
END_TEST

START_TEST(appending_nothing_holds_nothing) {
  begin(8);
  append(0);
  expect_same();
  ck_assert_uint_eq(env.live, 0);
  end();
}
END_TEST

START_TEST(an_empty_queue_holds_no_memory) {
  begin(0);
  append(5000);
  append(100000);
  ck_assert_uint_gt(env.live, 0);
  drain(105000);
  ck_assert_uint_eq(env.live, 0);
  end();
}
END_TEST

START_TEST(small_messages_allocate_once) {
  size_t i;
  size_t made;
  begin(8);
  append(32);
  drain(32);
  made = env.allocations;
  for (i = 0; i < 1000; i++) {
    append(32);
    append(7);
    drain(39);
  }
  ck_assert_uint_eq(env.allocations, made);
  end();
}
END_TEST

START_TEST(the_pool_keeps_no_more_than_its_limit) {
  size_t i;
  begin(3);
  for (i = 0; i < 5; i++) {
    append(H2WS__CHUNK_SMALL);
  }
  ck_assert_uint_eq(env.live, 5);
  drain(model_len);
  ck_assert_uint_eq(env.live, 3);
  h2ws__chunk_pool_trim(&pool);
  ck_assert_uint_eq(env.live, 0);
  append(10);
  expect_same();
  end();
}
END_TEST

START_TEST(a_reservation_need_not_be_used_up) {
  begin(8);
  reserve(5000, 0); /* stays empty, and lies in the way */
  expect_same();
  reserve(60000, 10);
  expect_same();
  append(3);
  expect_same();
  drain(4);
  expect_same();
  drain(9);
  expect_same();
  reserve(100, 0);
  expect_same();
  end();
}
END_TEST

START_TEST(a_reservation_lies_in_one_piece) {
  size_t len;
  begin(8);
  for (len = 1; len < 70000; len = len * 3 + 1) {
    reserve(len, len);
    expect_same();
  }
  read_some(model_len);
  end();
}
END_TEST

START_TEST(without_memory_nothing_is_appended) {
  size_t k;
  for (k = 1; k <= 4; k++) {
    begin(8);
    append(1500);
    env.fail_at = env.allocations + k;
    /* The room in the tail, then three large chunks. */
    if (h2ws__bufq_append(&q, &pool, pattern(150000), 150000) == 0) {
      ck_assert_uint_eq(k, 4);
      model_len += 150000;
    }
    expect_same();
    env.fail_at = 0;
    append(600);
    read_some(model_len);
    end();
  }
}
END_TEST

START_TEST(without_memory_an_empty_queue_stays_empty) {
  begin(8);
  env.fail_at = 2;
  ck_assert_int_eq(h2ws__bufq_append(&q, &pool, pattern(100000), 100000),
                   H2WS_ERR_NOMEM);
  expect_same();
  ck_assert_ptr_null(q.head);
  ck_assert_ptr_null(q.tail);
  append(10);
  expect_same();
  end();
}
END_TEST

static struct h2ws__blob *make_blob(size_t len) {
  struct h2ws__blob *blob = h2ws__blob_new(&mem, len);
  ck_assert_ptr_nonnull(blob);
  memcpy(blob->data, pattern(len), len);
  return blob;
}

START_TEST(a_blob_is_shared_not_copied) {
  struct h2ws__blob *blob;
  uint8_t *data = NULL;
  begin(8);
  append(10);
  blob = make_blob(5000);
  ck_assert_int_eq(h2ws__bufq_append_blob(&q, &pool, blob, 0), 0);
  model_len += 5000;
  append(20);
  expect_same();
  drain(10);
  ck_assert_uint_eq(h2ws__bufq_peek(&q, &data), 5000);
  ck_assert_ptr_eq(data, blob->data);
  h2ws__blob_release(blob); /* the queue still holds it */
  drain(4999);
  expect_same();
  drain(1);
  expect_same();
  read_some(20);
  end();
}
END_TEST

START_TEST(part_of_a_blob) {
  struct h2ws__blob *blob;
  begin(8);
  blob = make_blob(100);
  memmove(model, model + 40, 60);
  ck_assert_int_eq(h2ws__bufq_append_blob(&q, &pool, blob, 40), 0);
  model_len = 60;
  expect_same();
  h2ws__blob_release(blob);
  end(); /* gives it back */
}
END_TEST

START_TEST(without_memory_a_blob_is_not_appended) {
  struct h2ws__blob *blob;
  begin(8);
  append(10);
  blob = make_blob(100);
  env.fail_at = env.allocations + 1;
  ck_assert_int_eq(h2ws__bufq_append_blob(&q, &pool, blob, 0), H2WS_ERR_NOMEM);
  expect_same();
  h2ws__blob_release(blob);
  end();
}
END_TEST

static uint32_t random_state;

static size_t random_below(size_t limit) {
  random_state = random_state * 1664525 + 1013904223;
  return (random_state >> 8) % limit;
}

static void random_step(void) {
  size_t len = random_below(random_below(10) == 0 ? 60000 : 3000);
  size_t room = len < MODEL_MAX - model_len ? len : 0;
  switch (random_below(4)) {
  case 0:
    drain(len < model_len ? len : model_len);
    break;
  case 1:
    read_some(len);
    break;
  case 2:
    reserve(len + 1, random_below(room + 1));
    break;
  default:
    append(room);
    break;
  }
}

START_TEST(a_thousand_random_steps) {
  int i;
  random_state = (uint32_t)_i + 1;
  begin(random_below(5));
  for (i = 0; i < 1000; i++) {
    random_step();
    expect_same();
  }
  end();
}
END_TEST

static void add_blobs(Suite *suite) {
  TCase *tc = tcase_create("blobs");
  tcase_add_test(tc, a_blob_is_shared_not_copied);
  tcase_add_test(tc, part_of_a_blob);
  tcase_add_test(tc, without_memory_a_blob_is_not_appended);
  suite_add_tcase(suite, tc);
}

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("base/bufq");
  TCase *tc = tcase_create("bufq");
  tcase_add_test(tc, bytes_come_out_as_they_went_in);
  tcase_add_test(tc, appending_nothing_holds_nothing);
  tcase_add_test(tc, an_empty_queue_holds_no_memory);
  tcase_add_test(tc, small_messages_allocate_once);
  tcase_add_test(tc, the_pool_keeps_no_more_than_its_limit);
  tcase_add_test(tc, a_reservation_need_not_be_used_up);
  tcase_add_test(tc, a_reservation_lies_in_one_piece);
  tcase_add_test(tc, without_memory_nothing_is_appended);
  tcase_add_test(tc, without_memory_an_empty_queue_stays_empty);
  tcase_add_loop_test(tc, a_thousand_random_steps, 0, 16);
  suite_add_tcase(suite, tc);
  add_blobs(suite);
  return suite;
}
