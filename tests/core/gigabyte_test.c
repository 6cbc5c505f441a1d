/*
 * interop 32: one message of a gigabyte, sent in pieces and received in
 * chunks, at fixed memory on both sides. Less of it under sanitizers.
 */
#include <string.h>

#include "tests/support/pair.h"
#include "tests/support/suite.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TOTAL ((uint64_t)1 << 26)
#else
#define TOTAL ((uint64_t)1 << 30)
#endif
#define PIECE ((size_t)1 << 16)
#define MEMORY_MAX ((size_t)1 << 20)

struct sink {
  uint64_t bytes;
  size_t peak; /* memory held by both sides */
  int messages;
};

static struct test_pair pair;
static struct test_events events;
static uint8_t piece[PIECE];

static void on_chunk(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                     size_t len, unsigned flags, void *user) {
  struct sink *sink = user;
  (void)socket;
  (void)data;
  if (type != H2WS_TEXT) {
    ck_abort_msg("not a text");
  }
  sink->bytes += len;
  sink->messages += (flags & H2WS_CHUNK_LAST) != 0;
  sink->peak = pair.env.bytes > sink->peak ? pair.env.bytes : sink->peak;
}

static const h2ws_socket_callbacks callbacks = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_chunk = on_chunk,
};

static void accept_into(struct sink *sink) {
  h2ws_socket_options options;
  h2ws_socket *socket = NULL;
  h2ws_socket_options_default(&options, sizeof(options));
  options.max_message = 0;
  options.max_fragments = 0;
  ck_assert_ptr_nonnull(pair.request);
  ck_assert_int_eq(h2ws_socket_accept(pair.request, &socket, NULL, 0, &options,
                                      &callbacks, sink),
                   0);
  test_pair_pump(&pair);
}

START_TEST(interop_32_a_gigabyte_at_fixed_memory) {
  struct sink sink = {0};
  h2ws_socket *socket;
  uint64_t sent = 0;
  size_t idle;
  test_pair_init(&pair, 65536);
  pair.server_waits = true;
  test_pair_start(&pair);
  socket = test_pair_open(&pair, "/sink", &events);
  test_pair_pump(&pair);
  accept_into(&sink);
  memset(piece, 'g', sizeof(piece));
  idle = pair.env.bytes;
  ck_assert_int_eq(h2ws_socket_send_begin(socket, H2WS_TEXT), 0);
  while (sent < TOTAL) {
    int rv = h2ws_socket_send_piece(socket, piece, sizeof(piece));
    if (rv == H2WS_ERR_AGAIN) {
      test_pair_pump(&pair);
    } else if (rv != 0) {
      ck_abort_msg("%s", h2ws_error_name(rv));
    } else {
      sent += sizeof(piece);
    }
  }
  while (h2ws_socket_send_end(socket) == H2WS_ERR_AGAIN) {
    test_pair_pump(&pair);
  }
  test_pair_pump(&pair);
  ck_assert_uint_eq(sink.bytes, TOTAL);
  ck_assert_int_eq(sink.messages, 1);
  ck_assert_uint_lt(sink.peak - idle, MEMORY_MAX);
  test_pair_dispose(&pair);
  test_events_dispose(&events);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("core/gigabyte");
  TCase *tc = tcase_create("pair");
  tcase_add_test(tc, interop_32_a_gigabyte_at_fixed_memory);
  suite_add_tcase(suite, tc);
  return suite;
}
