/*
 * What went wrong elsewhere: one test for each public incident that no test
 * of a row shows already (those carry the incident's number too).
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"
#include "tests/support/wire.h"

static struct wire w;

#define BLOCK 16000 /* bytes of a header block in one frame */

static void expect_calm(void) {
  wire_expect_goaway(&w, WIRE_CALM);
  ck_assert_int_eq(w.error, H2WS_ERR_LIMIT);
}

/*
 * Many streams with something to send, and a client that lets them send byte
 * by byte and shuffles priorities meanwhile.
 */
START_TEST(CVE_2019_9511_data_dribbles_on_many_streams) {
  char text[2000];
  uint32_t id;
  size_t bytes;
  int i;
  memset(text, 'x', sizeof(text));
  wire_init(&w, test_chunks[_i]);
  wire_start_server(&w);
  wire_greet(&w);
  wire_set(&w.in, {4, 0});
  wire_feed(&w);
  for (id = 1; id < 40; id += 2) {
    struct wire_app *app = wire_open(&w, id);
    ck_assert_int_eq(
      h2ws_socket_send(app->socket, H2WS_TEXT, text, sizeof(text)), 0);
  }
  bytes = w.env.bytes;
  for (i = 0; i < 100; i++) {
    for (id = 1; id < 40; id += 2) {
      wire_priority(&w.in, id, id == 1 ? 39 : id - 2);
      wire_update(&w.in, id, 1);
    }
    wire_feed(&w);
    ck_assert_uint_eq(wire_count(&w, WIRE_DATA, WIRE_ANY), 20);
    wire_clear(&w);
  }
  wire_expect_alive(&w);
  ck_assert_uint_le(w.env.bytes, bytes + 4096);
  for (i = 0; i < 10000; i++) {
    wire_priority(&w.in, 1, 3 + (uint32_t)(i % 10) * 2);
  }
  wire_feed(&w);
  expect_calm();
  wire_end(&w);
}
END_TEST

START_TEST(CVE_2015_8659_idle_streams_that_priorities_name) {
  uint32_t id;
  size_t live;
  wire_server(&w, test_chunks[_i]);
  live = w.env.live;
  for (id = 3; id < 1003; id += 2) { /* each hangs on the one to come */
    wire_priority(&w.in, id, id + 2);
  }
  wire_feed(&w);
  wire_expect_alive(&w);
  ck_assert_uint_le(w.env.live, live + 300);
  for (id = 3; id < 103; id += 2) {
    (void)wire_open(&w, id);
    wire_priority(&w.in, id + 2, id);
    wire_rst(&w.in, id, WIRE_CANCEL);
    wire_priority(&w.in, id, id + 4);
    wire_feed(&w);
  }
  (void)wire_open(&w, 1003);
  wire_unharmed(&w, 1003);
  wire_end(&w);
}
END_TEST

/* ALTSVC (RFC 7838 section 4), which this library does not speak. */
START_TEST(CVE_2018_1000168_an_alternative_service_is_ignored) {
  static const struct {
    uint32_t stream;
    const char *payload;
    size_t len;
  } frames[] = {{0, "", 0},
                {0, "\0\0", 2},
                {0, "\0\0h2=\":1\"", 9},
                {0, "\xff\xffo", 3},
                {1, "", 0},
                {1, "\0\0h2=\":1\"", 9},
                {1, "\0\1oh2=\"", 7},
                {0, "\0\1oh2=\":1\"", 10}};
  size_t i;
  wire_client(&w, test_chunks[_i]);
  (void)wire_ask_open(&w);
  for (i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
    wire_frame(&w.in, 0x0a, WIRE_NONE, frames[i].stream, frames[i].payload,
               frames[i].len);
  }
  wire_unmasked(&w.in, 1, WIRE_NONE, WIRE_TEXT, "still", 5);
  wire_feed(&w);
  wire_expect_alive(&w);
  ck_assert_int_eq(wire_app(&w, 1)->events.messages, 1);
  wire_end(&w);
}
END_TEST

/* ------------------------------------------------------------------------
 * CONTINUATION without end, as each stack that fell to it met it
 */

/* A frame's worth of fields that do not compress. */
static void add_fields(struct wire_buf *block) {
  char value[100];
  memset(value, 'v', sizeof(value));
  while (block->len < BLOCK) {
    wire_field(block, "x", 1, value, sizeof(value));
  }
}

/* HEADERS, then `n` CONTINUATIONs full of fields; `end` ends the block. */
static void blow_up(const char *head, int n, bool end) {
  struct wire_buf block = {0};
  add_fields(&block);
  wire_head(&w.in, 1, WIRE_NONE, head);
  while (n-- > 0) {
    wire_frame(&w.in, WIRE_CONTINUATION, end && n == 0 ? WIRE_EH : WIRE_NONE, 1,
               block.data, block.len);
  }
  wire_buf_free(&block);
}

/* nghttp2: it went on reading though the stream was to be reset. */
START_TEST(CVE_2024_28182_frames_of_a_request_that_is_malformed) {
  wire_server(&w, test_chunks[_i]);
  blow_up(WIRE_CONNECT "Upper: case\n", 50, false);
  wire_feed(&w);
  expect_calm();
  ck_assert_int_eq(w.requests, 0);
  wire_end(&w);
}
END_TEST

/* Node: the connection ended inside the block. */
START_TEST(CVE_2024_27983_an_end_inside_a_header_block) {
  int error;
  for (error = H2WS_ERR_LOST; error <= 0; error -= H2WS_ERR_LOST) {
    wire_server(&w, test_chunks[_i]);
    (void)wire_open(&w, 3);
    wire_head(&w.in, 5, WIRE_NONE, WIRE_CONNECT);
    wire_frame(&w.in, WIRE_CONTINUATION, WIRE_NONE, 5, "\x40", 1);
    wire_feed(&w);
    wire_expect_alive(&w);
    (void)h2ws_conn_recv_eof(w.conn, error);
    wire_take(&w);
    ck_assert_int_eq(w.requests, 1);
    ck_assert_int_eq(wire_app(&w, 3)->events.code, 1006);
    wire_end(&w);
  }
}
END_TEST

/* httpd: all of it was kept in memory. */
START_TEST(CVE_2024_27316_memory_of_a_block_without_end) {
  size_t bytes;
  wire_server(&w, test_chunks[_i]);
  bytes = w.env.bytes;
  w.env.peak = bytes;
  blow_up(WIRE_CONNECT, 50, false);
  wire_feed(&w);
  expect_calm();
  ck_assert_uint_le(w.env.peak, bytes + (size_t)64 * 1024);
  wire_end(&w);
}
END_TEST

/* Tomcat: a request beyond the limit was worked on to its end. */
START_TEST(CVE_2024_24549_a_request_beyond_the_limit) {
  size_t live;
  wire_server(&w, test_chunks[_i]);
  live = w.env.live;
  blow_up(WIRE_CONNECT, 5, true);
  wire_data(&w.in, 1, WIRE_ES, NULL, 0);
  wire_feed(&w);
  wire_expect_refusal(&w, 1, 431);
  ck_assert_uint_le(w.env.live, live + 10);
  (void)wire_open(&w, 3);
  wire_unharmed(&w, 3);
  wire_end(&w);
}
END_TEST

/* Go: fields of a request that was lost already were still decoded. */
START_TEST(CVE_2023_45288_huffman_codes_nobody_wants) {
  struct wire_buf block = {0};
  uint8_t codes[14000];
  int n = 50;
  memset(codes, 0, sizeof(codes)); /* '0' is 00000 (RFC 7541 appendix B) */
  wire_server(&w, test_chunks[_i]);
  wire_bytes(&block, "\0\1x\xff\xb1\x6c", 6); /* Huffman, 14000 bytes */
  wire_bytes(&block, codes, sizeof(codes));
  wire_head(&w.in, 1, WIRE_NONE | WIRE_ES, WIRE_GET);
  while (n-- > 0) {
    wire_frame(&w.in, WIRE_CONTINUATION, WIRE_NONE, 1, block.data, block.len);
  }
  wire_buf_free(&block);
  wire_feed(&w);
  expect_calm();
  ck_assert_int_eq(w.requests, 0);
  wire_end(&w);
}
END_TEST

/* amphp, whose client did not end it either. */
START_TEST(CVE_2024_2653_a_server_whose_answer_never_ends) {
  struct wire_app *app;
  wire_client(&w, test_chunks[_i]);
  app = wire_ask(&w);
  blow_up(":status: 200\n", 50, false);
  wire_feed(&w);
  expect_calm();
  ck_assert_int_eq(app->events.opened, 0);
  ck_assert_int_eq(app->events.closed, 1);
  wire_end(&w);
}
END_TEST

/* Tempesta: its limits were off by default, and many streams shared none. */
START_TEST(CVE_2024_2758_small_blocks_over_and_over) {
  uint32_t id;
  wire_server(&w, test_chunks[_i]);
  for (id = 1; id < 5000 && w.recv_rv == 0; id += 2) {
    int i;
    wire_head(&w.in, id, WIRE_NONE | WIRE_ES, "x: y\n");
    for (i = 0; i < 8; i++) {
      wire_frame(&w.in, WIRE_CONTINUATION, i == 7 ? WIRE_EH : WIRE_NONE, id,
                 NULL, 0);
    }
    wire_feed(&w);
  }
  expect_calm();
  ck_assert_uint_le(wire_count(&w, WIRE_RST, WIRE_ANY), 201);
  ck_assert_int_eq(w.requests, 0);
  wire_end(&w);
}
END_TEST

/* Envoy: the limit on fields did not end the stream. */
START_TEST(CVE_2024_27919_too_many_fields_in_many_frames) {
  struct wire_buf block = {0};
  int i;
  wire_server(&w, test_chunks[_i]);
  for (i = 0; i < 300; i++) {
    wire_fields(&block, "x: y\n");
  }
  wire_head(&w.in, 1, WIRE_NONE, WIRE_CONNECT);
  for (i = 0; i < 8; i++) {
    wire_frame(&w.in, WIRE_CONTINUATION, WIRE_NONE, 1, block.data, block.len);
  }
  wire_buf_free(&block);
  wire_feed(&w);
  expect_calm();
  ck_assert_int_eq(w.requests, 0);
  wire_end(&w);
}
END_TEST

/* ------------------------------------------------------------------------
 * Resets that a peer provokes
 */

enum primitive {
  UPDATE_OF_NOTHING,
  UPDATE_TOO_MUCH,
  PRIORITY_TOO_SHORT,
  PRIORITY_ON_ITSELF,
  HEADERS_AFTER_THE_END,
  DATA_AFTER_THE_END,
  PRIMITIVES
};

static void provoke(enum primitive primitive, uint32_t id) {
  switch (primitive) {
  case UPDATE_OF_NOTHING:
    wire_update(&w.in, id, 0);
    break;
  case UPDATE_TOO_MUCH:
    wire_update(&w.in, id, 0x7fffffff);
    break;
  case PRIORITY_TOO_SHORT:
    wire_frame(&w.in, WIRE_PRIORITY, WIRE_NONE, id, "\0\0\0\0", 4);
    break;
  case PRIORITY_ON_ITSELF:
    wire_priority(&w.in, id, id);
    break;
  case HEADERS_AFTER_THE_END:
    wire_data(&w.in, id, WIRE_ES, NULL, 0);
    wire_head(&w.in, id, WIRE_EH | WIRE_ES, "x: y\n");
    break;
  default:
    wire_data(&w.in, id, WIRE_ES, NULL, 0);
    wire_data(&w.in, id, WIRE_NONE, "x", 1);
  }
}

/* "MadeYouReset", in Netty and Undertow too: work went on after the reset. */
START_TEST(CVE_2025_55163_CVE_2025_9784_six_ways_to_provoke_a_reset) {
  int primitive;
  for (primitive = 0; primitive < PRIMITIVES; primitive++) {
    uint32_t id;
    wire_init(&w, test_chunks[_i]);
    w.wait = true; /* the application is at work on each */
    wire_start_server(&w);
    wire_greet(&w);
    for (id = 1; id < 800; id += 2) {
      wire_head(&w.in, id, WIRE_EH, WIRE_CONNECT);
      provoke((enum primitive)primitive, id);
    }
    wire_feed(&w);
    ck_assert_int_eq(w.closed, 1);
    ck_assert_uint_eq(wire_count(&w, WIRE_GOAWAY, 0), 1);
    ck_assert_uint_le(wire_count(&w, WIRE_RST, WIRE_ANY), 201);
    ck_assert_int_le(w.requests, 201);
    wire_end(&w);
  }
}
END_TEST

/* The bomb, and a window that lets nothing out: answers must hold nothing. */
START_TEST(CVE_2026_49975_CVE_2026_47774_cookie_crumbs_held_by_a_window) {
  struct wire_buf block = {0};
  char value[4000];
  size_t bytes;
  uint32_t id;
  int i;
  memset(value, 'v', sizeof(value));
  wire_server(&w, test_chunks[_i]);
  wire_set(&w.in, {4, 0});
  wire_feed(&w);
  bytes = w.env.bytes;
  for (id = 1; id < 100; id += 2) {
    block.len = 0;
    wire_fields(&block, WIRE_CONNECT);
    /* literal with incremental indexing: 127 + 33 + 30 * 128 bytes */
    wire_bytes(&block, "\x40\6cookie\x7f\xa1\x1e", 11);
    wire_bytes(&block, value, sizeof(value));
    for (i = 0; i < 60; i++) {
      wire_bytes(&block, "\xbe", 1);
    }
    wire_frame(&w.in, WIRE_HEADERS, WIRE_EH, id, block.data, block.len);
  }
  wire_buf_free(&block);
  w.env.peak = bytes;
  wire_feed(&w);
  for (id = 1; id < 100; id += 2) {
    wire_expect_refusal(&w, id, 431);
  }
  ck_assert_uint_le(w.env.peak, bytes + (size_t)256 * 1024);
  wire_end(&w);
}
END_TEST

/* ------------------------------------------------------------------------
 * Ends in the middle of a handshake
 */

enum leaving {
  BY_RESET,
  BY_END_OF_TRANSPORT,
  BY_GOAWAY,
  BY_OUR_FREE,
  LEAVINGS
};

static void leave(enum leaving how) {
  switch (how) {
  case BY_RESET:
    wire_rst(&w.in, 1, WIRE_CANCEL);
    wire_feed(&w);
    break;
  case BY_END_OF_TRANSPORT:
    (void)h2ws_conn_recv_eof(w.conn, H2WS_ERR_LOST);
    wire_take(&w);
    break;
  case BY_GOAWAY:
    wire_goaway(&w.in, 0, WIRE_PROTOCOL);
    wire_feed(&w);
    break;
  default:
    (void)h2ws_conn_shutdown(w.conn, WIRE_NO_ERROR);
    wire_take(&w);
  }
}

/* httpd's WebSockets over HTTP/2 followed a null pointer there. */
START_TEST(CVE_2024_36387_a_client_leaves_at_each_step_of_a_handshake) {
  int how;
  int step;
  for (how = 0; how < LEAVINGS; how++) {
    for (step = 0; step < 4; step++) {
      struct wire_app *app;
      h2ws_stream *stream;
      wire_server(&w, test_chunks[_i]);
      w.wait = step < 2;
      w.refuse = step == 2;
      w.blocked = step >= 2; /* the answer is not out yet */
      wire_head(&w.in, 1, WIRE_EH, WIRE_CONNECT);
      wire_data(&w.in, 1, WIRE_NONE, "\x81", 1);
      wire_feed(&w);
      app = wire_app(&w, 1);
      stream = step == 1 ? h2ws_stream_retain(app->stream) : NULL;
      leave((enum leaving)how);
      if (stream != NULL) { /* the application decides too late */
        h2ws_socket *socket = NULL;
        int rv = h2ws_socket_accept(stream, &socket, NULL, 0, NULL,
                                    &test_socket_callbacks, &app->events);
        ck_assert_int_eq(rv, how == BY_GOAWAY ? 0 : H2WS_ERR_CLOSED);
        h2ws_stream_release(stream);
      }
      w.blocked = false;
      wire_take(&w);
      wire_end(&w);
    }
  }
}
END_TEST

Suite *h2ws_test_suite(void) {
  const TTest *tests[] = {
    CVE_2019_9511_data_dribbles_on_many_streams,
    CVE_2015_8659_idle_streams_that_priorities_name,
    CVE_2018_1000168_an_alternative_service_is_ignored,
    CVE_2024_28182_frames_of_a_request_that_is_malformed,
    CVE_2024_27983_an_end_inside_a_header_block,
    CVE_2024_27316_memory_of_a_block_without_end,
    CVE_2024_24549_a_request_beyond_the_limit,
    CVE_2023_45288_huffman_codes_nobody_wants,
    CVE_2024_2653_a_server_whose_answer_never_ends,
    CVE_2024_2758_small_blocks_over_and_over,
    CVE_2024_27919_too_many_fields_in_many_frames,
    CVE_2025_55163_CVE_2025_9784_six_ways_to_provoke_a_reset,
    CVE_2026_49975_CVE_2026_47774_cookie_crumbs_held_by_a_window,
    CVE_2024_36387_a_client_leaves_at_each_step_of_a_handshake,
  };
  return wire_suite("h2/incidents", tests, sizeof(tests) / sizeof(tests[0]));
}
