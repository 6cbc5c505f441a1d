/* Fields that no line of text can hold, and each pseudo field in each wrong
 * way. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"
#include "tests/support/wire.h"

static struct wire w;

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static const struct field {
  const char *name;
  const char *value;
} pseudo[] = {
  {":method", "CONNECT"}, {":protocol", "websocket"},    {":scheme", "http"},
  {":path", "/echo"},     {":authority", "example.com"},
};

enum fault { EMPTY, DOUBLED, LATE, FAULTS };

static void add(struct wire_buf *block, const struct field *field,
                const char *value) {
  wire_field(block, field->name, strlen(field->name), value, strlen(value));
}

/* A request in which pseudo field `k` is wrong in this way. */
static void add_request(struct wire_buf *block, size_t k, enum fault fault) {
  size_t i;
  for (i = 0; i < LEN(pseudo); i++) {
    if (i != k || fault == DOUBLED) {
      add(block, &pseudo[i], pseudo[i].value);
    } else if (fault == EMPTY) {
      add(block, &pseudo[i], "");
    }
  }
  if (fault == DOUBLED) {
    add(block, &pseudo[k], pseudo[k].value);
  }
  wire_fields(block, WIRE_VERSION);
  if (fault == LATE) {
    add(block, &pseudo[k], pseudo[k].value);
  }
}

START_TEST(HS_02_each_pseudo_field_empty_doubled_and_late) {
  uint32_t id = 1;
  int fault;
  size_t k;
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, id);
  for (fault = 0; fault < FAULTS; fault++) {
    for (k = 0; k < LEN(pseudo); k++) {
      struct wire_buf block = {0};
      add_request(&block, k, (enum fault)fault);
      id += 2;
      wire_frame(&w.in, WIRE_HEADERS, WIRE_EH, id, block.data, block.len);
      wire_buf_free(&block);
      wire_feed(&w);
      wire_expect_rst(&w, id, WIRE_PROTOCOL);
      ck_assert_ptr_null(wire_app(&w, id));
    }
  }
  wire_unharmed(&w, 1);
  wire_end(&w);
}
END_TEST

/* RFC 9113 section 8.2.1 */
static const struct {
  const char *name;
  size_t name_len;
  const char *value;
  size_t value_len;
} bad_fields[] = {
  {"x", 1, "a\nb", 3}, {"x", 1, "a\rb", 3},     {"x", 1, "a\0b", 3},
  {"x", 1, "\n", 1},   {"x", 1, " a", 2},       {"x", 1, "a\t", 2},
  {"", 0, "a", 1},     {"X", 1, "a", 1},        {"x y", 3, "a", 1},
  {"x\0", 2, "a", 1},  {"x\n", 2, "a", 1},      {"x:", 2, "a", 1},
  {":", 1, "a", 1},    {"\xc3\xa9", 2, "a", 1},
};

static void feed_bad_field(uint32_t id, const char *lines, size_t k) {
  struct wire_buf block = {0};
  wire_fields(&block, lines);
  wire_field(&block, bad_fields[k].name, bad_fields[k].name_len,
             bad_fields[k].value, bad_fields[k].value_len);
  wire_frame(&w.in, WIRE_HEADERS, WIRE_EH, id, block.data, block.len);
  wire_buf_free(&block);
  wire_feed(&w);
}

START_TEST(FR_16_fields_that_break_lines_to_a_server) {
  uint32_t id = 1;
  size_t k;
  wire_server(&w, test_chunks[_i]);
  (void)wire_open(&w, 1);
  for (k = 0; k < LEN(bad_fields); k++) {
    id += 2;
    feed_bad_field(id, WIRE_CONNECT, k);
    wire_expect_rst(&w, id, WIRE_PROTOCOL);
    ck_assert_ptr_null(wire_app(&w, id));
  }
  wire_unharmed(&w, 1);
  wire_end(&w);
}
END_TEST

START_TEST(FR_16_fields_that_break_lines_to_a_client) {
  size_t k;
  wire_client(&w, test_chunks[_i]);
  for (k = 0; k < LEN(bad_fields); k++) {
    struct wire_app *app = wire_ask(&w);
    feed_bad_field((uint32_t)app->id, ":status: 200\n", k);
    wire_expect_rst(&w, (uint32_t)app->id, WIRE_PROTOCOL);
    ck_assert_int_eq(app->events.opened, 0);
    ck_assert_int_eq(app->events.closed, 1);
  }
  wire_end(&w);
}
END_TEST

START_TEST(FR_17_two_statuses_in_one_answer) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask(&w);
  wire_head(&w.in, 1, WIRE_EH, ":status: 200\n:status: 200\n");
  wire_feed(&w);
  wire_expect_rst(&w, 1, WIRE_PROTOCOL);
  ck_assert_int_eq(app->events.opened, 0);
  wire_end(&w);
}
END_TEST

START_TEST(FR_14_what_is_not_known_is_counted) {
  h2ws_conn_stats stats = {.size = sizeof(stats)};
  int i;
  wire_server(&w, test_chunks[_i]);
  for (i = 0; i < 50; i++) {
    wire_frame(&w.in, 0x77, 0xff, 0, "x", 1);
  }
  wire_feed(&w);
  wire_expect_alive(&w);
  ck_assert_int_eq(h2ws_conn_get_stats(w.conn, &stats), 0);
  ck_assert_uint_ge(stats.glitches, 50);
  wire_end(&w);
}
END_TEST

/* It has no meaning in an answer to CONNECT (RFC 9110 section 9.3.6). */
START_TEST(HS_27_W_48_interop_19_a_length_in_the_answer_is_ignored) {
  static const char *const heads[] = {":status: 200\ncontent-length: 0\n",
                                      ":status: 200\ncontent-length: 5\n"};
  size_t i;
  wire_client(&w, test_chunks[_i]);
  for (i = 0; i < LEN(heads); i++) {
    struct wire_app *app = wire_ask(&w);
    uint32_t id = (uint32_t)app->id;
    wire_head(&w.in, id, WIRE_EH, heads[i]);
    wire_unmasked(&w.in, id, WIRE_NONE, WIRE_TEXT, "more than five", 14);
    wire_unmasked(&w.in, id, WIRE_ES, WIRE_CLOSE, "\x03\xe8", 2);
    wire_feed(&w);
    wire_expect_alive(&w);
    ck_assert_int_eq(app->events.messages, 1);
    ck_assert_int_eq(app->events.cls, H2WS_CLOSE_CLEAN);
  }
  wire_end(&w);
}
END_TEST

START_TEST(HS_12_every_origin_is_seen) {
  struct wire_buf block = {0};
  char *origin = malloc(4097);
  h2ws_stream *stream;
  ck_assert_ptr_nonnull(origin);
  memset(origin, 'o', 4096);
  origin[4096] = '\0';
  wire_server(&w, test_chunks[_i]);
  w.wait = true;
  wire_fields(&block, WIRE_CONNECT);
  wire_field(&block, "origin", 6, origin, 4096);
  wire_frame(&w.in, WIRE_HEADERS, WIRE_EH, 1, block.data, block.len);
  wire_buf_free(&block);
  wire_head(&w.in, 3, WIRE_EH, WIRE_CONNECT);
  wire_head(&w.in, 5, WIRE_EH, WIRE_CONNECT "origin: null\n");
  wire_feed(&w);
  stream = wire_app(&w, 1)->stream;
  ck_assert_str_eq(h2ws_stream_header(stream, "origin"), origin);
  ck_assert_ptr_null(h2ws_stream_header(wire_app(&w, 3)->stream, "origin"));
  ck_assert_str_eq(h2ws_stream_header(wire_app(&w, 5)->stream, "origin"),
                   "null");
  free(origin);
  wire_end(&w);
}
END_TEST

Suite *h2ws_test_suite(void) {
  const TTest *tests[] = {
    HS_02_each_pseudo_field_empty_doubled_and_late,
    FR_16_fields_that_break_lines_to_a_server,
    FR_16_fields_that_break_lines_to_a_client,
    FR_17_two_statuses_in_one_answer,
    FR_14_what_is_not_known_is_counted,
    HS_27_W_48_interop_19_a_length_in_the_answer_is_ignored,
    HS_12_every_origin_is_seen,
  };
  return wire_suite("h2/fields", tests, sizeof(tests) / sizeof(tests[0]));
}
