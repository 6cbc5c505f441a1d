/*
 * Every call from inside every callback, on the socket or connection that is
 * calling and on its neighbour (hostile rows LC-09, LC-17 and WS-17).
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/pair.h"
#include "tests/support/suite.h"

enum event {
  ON_REQUEST,
  ON_READY,
  ON_GOAWAY,
  ON_WANT_SEND,
  ON_DEADLINE,
  ON_TRACE,
  ON_OPEN,
  ON_MESSAGE,
  ON_PING,
  ON_PONG,
  ON_WRITABLE,
  ON_SOCKET_CLOSE,
  ON_CONN_CLOSE,
  EVENTS
};

enum action {
  SEND,
  STREAMED_SEND,
  PING,
  CLOSE,
  ABORT,
  PAUSE,
  RESUME,
  SHUTDOWN_STREAM,
  RESET_STREAM,
  OPEN_ANOTHER,
  DRAIN,
  SHUTDOWN_CONN,
  FREE_CONN,
  CALL_IN_A_CIRCLE,
  ACTIONS
};

#define SOCKETS 4

struct side {
  h2ws_conn *conn; /* NULL once it was freed */
  bool server;
  int conn_closes;
  int sockets;
  struct slot {
    struct side *side;
    h2ws_socket *socket; /* NULL after its on_close */
    int closes;
  } slots[SOCKETS];
};

static struct {
  struct test_env env;
  h2ws_mem mem;
  struct side client;
  struct side server;
  size_t chunk;
  bool chunked; /* messages come by on_chunk */
  /* What strikes, once. */
  bool armed;
  int skip; /* so many times before */
  bool on_server;
  bool neighbour;
  enum event event;
  enum action action;
} t;

static const h2ws_socket_callbacks socket_callbacks;
static const h2ws_socket_callbacks chunk_callbacks;

/* ------------------------------------------------------------------------
 * What is done
 */

static struct slot *slot_new(struct side *side) {
  struct slot *slot = &side->slots[side->sockets++];
  ck_assert_int_le(side->sockets, SOCKETS);
  slot->side = side;
  return slot;
}

static void open_socket(struct side *side) {
  h2ws_request request = {.size = sizeof(request)};
  struct slot *slot;
  if (side->sockets >= SOCKETS - 1) {
    return;
  }
  slot = slot_new(side);
  request.authority = "example.com";
  request.path = "/";
  if (h2ws_socket_open(side->conn, &slot->socket, &request, NULL,
                       t.chunked ? &chunk_callbacks : &socket_callbacks,
                       slot) != 0) {
    slot->closes = 1; /* it never was */
  }
}

static void do_to_socket(h2ws_socket *socket) {
  switch (t.action) {
  case SEND:
    (void)h2ws_socket_send(socket, H2WS_TEXT, "inside", 6);
    break;
  case STREAMED_SEND:
    (void)h2ws_socket_send_begin(socket, H2WS_BINARY);
    (void)h2ws_socket_send_piece(socket, "inside", 6);
    (void)h2ws_socket_send_end(socket);
    break;
  case PING:
    (void)h2ws_socket_ping(socket, "p", 1);
    break;
  case CLOSE:
    (void)h2ws_socket_close(socket, 3000, "inside", 6);
    (void)h2ws_socket_close(socket, 3001, "twice", 5);
    break;
  case ABORT:
    (void)h2ws_socket_abort(socket);
    (void)h2ws_socket_abort(socket);
    break;
  case PAUSE:
    (void)h2ws_socket_pause(socket);
    break;
  case RESUME:
    (void)h2ws_socket_pause(socket);
    (void)h2ws_socket_resume(socket);
    break;
  case SHUTDOWN_STREAM:
    (void)h2ws_stream_shutdown(h2ws_socket_stream(socket));
    break;
  default:
    (void)h2ws_stream_reset(h2ws_socket_stream(socket), H2WS_H2_CANCEL);
  }
}

static void call_in_a_circle(h2ws_conn *conn) {
  static uint8_t buf[H2WS_SEND_MIN];
  uint8_t byte = 0;
  ck_assert_int_eq(h2ws_conn_recv(conn, &byte, 1), H2WS_ERR_STATE);
  ck_assert_int_eq(h2ws_conn_send(conn, buf, sizeof(buf)), H2WS_ERR_STATE);
  ck_assert_int_eq(h2ws_conn_tick(conn), H2WS_ERR_STATE);
  ck_assert_int_eq(h2ws_conn_recv_eof(conn, 0), H2WS_ERR_STATE);
}

static void do_to_conn(struct side *side) {
  h2ws_conn *conn = side->conn;
  switch (t.action) {
  case OPEN_ANOTHER:
    if (!side->server) {
      open_socket(side);
    }
    break;
  case DRAIN:
    (void)h2ws_conn_drain(conn);
    break;
  case SHUTDOWN_CONN:
    (void)h2ws_conn_shutdown(conn, H2WS_H2_INTERNAL_ERROR);
    break;
  case FREE_CONN:
    side->conn = NULL;
    h2ws_conn_free(conn);
    break;
  default:
    call_in_a_circle(conn);
  }
}

static void happens(struct side *side, enum event event, struct slot *slot) {
  if (!t.armed || side->server != t.on_server || event != t.event ||
      side->conn == NULL) {
    return;
  }
  if (t.skip-- > 0) {
    return;
  }
  t.armed = false;
  if (t.action >= OPEN_ANOTHER) {
    do_to_conn(side);
    return;
  }
  if (slot == NULL || t.neighbour) {
    slot = slot == &side->slots[0] ? &side->slots[1] : &side->slots[0];
  }
  do_to_socket(slot->socket);
}

/* ------------------------------------------------------------------------
 * Callbacks
 */

static void socket_happens(enum event event, struct slot *slot) {
  if (slot->closes != 0) {
    ck_abort_msg("event %d after on_close", (int)event);
  }
  happens(slot->side, event, slot);
}

static void on_open(h2ws_socket *socket, void *user) {
  (void)socket;
  socket_happens(ON_OPEN, user);
}

static void on_message(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                       size_t len, void *user) {
  struct slot *slot = user;
  if (slot->side->server) {
    (void)h2ws_socket_send(socket, type, data, len);
  }
  socket_happens(ON_MESSAGE, slot);
}

static void on_chunk(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                     size_t len, unsigned flags, void *user) {
  (void)flags;
  on_message(socket, type, data, len, user);
}

static void on_ping(h2ws_socket *socket, const uint8_t *data, size_t len,
                    void *user) {
  (void)socket;
  (void)data;
  (void)len;
  socket_happens(ON_PING, user);
}

static void on_pong(h2ws_socket *socket, const uint8_t *data, size_t len,
                    void *user) {
  (void)socket;
  (void)data;
  (void)len;
  socket_happens(ON_PONG, user);
}

static void on_writable(h2ws_socket *socket, void *user) {
  (void)socket;
  socket_happens(ON_WRITABLE, user);
}

static void on_socket_close(h2ws_socket *socket, const h2ws_close_info *info,
                            void *user) {
  struct slot *slot = user;
  (void)socket;
  (void)info;
  socket_happens(ON_SOCKET_CLOSE, slot);
  slot->closes++;
  slot->socket = NULL;
}

static const h2ws_socket_callbacks socket_callbacks = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_open = on_open,
  .on_message = on_message,
  .on_ping = on_ping,
  .on_pong = on_pong,
  .on_writable = on_writable,
  .on_close = on_socket_close,
};

static const h2ws_socket_callbacks chunk_callbacks = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_open = on_open,
  .on_chunk = on_chunk,
  .on_ping = on_ping,
  .on_pong = on_pong,
  .on_writable = on_writable,
  .on_close = on_socket_close,
};

static void on_request(h2ws_conn *conn, h2ws_stream *stream, void *user) {
  struct slot *slot = slot_new(user);
  (void)conn;
  if (h2ws_socket_accept(stream, &slot->socket, NULL, 0, NULL,
                         t.chunked ? &chunk_callbacks : &socket_callbacks,
                         slot) != 0) {
    slot->closes = 1;
  }
  happens(user, ON_REQUEST, slot);
}

static void on_ready(h2ws_conn *conn, bool extended, void *user) {
  (void)conn;
  (void)extended;
  happens(user, ON_READY, NULL);
}

static void on_goaway(h2ws_conn *conn, uint32_t code, void *user) {
  (void)conn;
  (void)code;
  happens(user, ON_GOAWAY, NULL);
}

static void on_want_send(h2ws_conn *conn, void *user) {
  (void)conn;
  happens(user, ON_WANT_SEND, NULL);
}

static void on_deadline(h2ws_conn *conn, void *user) {
  (void)conn;
  happens(user, ON_DEADLINE, NULL);
}

static void on_trace(h2ws_conn *conn, h2ws_trace_level level, const char *text,
                     void *user) {
  (void)conn;
  (void)level;
  (void)text;
  happens(user, ON_TRACE, NULL);
}

static void on_conn_close(h2ws_conn *conn, const h2ws_close_info *info,
                          void *user) {
  struct side *side = user;
  (void)conn;
  (void)info;
  happens(side, ON_CONN_CLOSE, NULL);
  side->conn_closes++;
}

static const h2ws_conn_callbacks conn_callbacks = {
  .size = sizeof(h2ws_conn_callbacks),
  .on_request = on_request,
  .on_ready = on_ready,
  .on_goaway = on_goaway,
  .on_want_send = on_want_send,
  .on_deadline = on_deadline,
  .on_close = on_conn_close,
  .on_trace = on_trace,
};

/* ------------------------------------------------------------------------
 * A session
 */

static void feed(struct side *to, const uint8_t *data, size_t len) {
  size_t done = 0;
  while (done < len && to->conn != NULL) {
    size_t n = len - done < t.chunk ? len - done : t.chunk;
    uint8_t *piece = malloc(n);
    if (piece == NULL) {
      ck_abort();
    }
    memcpy(piece, data + done, n);
    (void)h2ws_conn_recv(to->conn, piece, n);
    free(piece);
    done += n;
  }
}

static bool move(struct side *from, struct side *to) {
  static uint8_t buf[65536];
  h2ws_ssize n = 0;
  if (from->conn != NULL) {
    n = h2ws_conn_send(from->conn, buf, sizeof(buf));
  }
  if (n > 0) {
    feed(to, buf, (size_t)n);
  }
  return n > 0;
}

static void pump(void) {
  bool moved = true;
  while (moved) {
    moved = move(&t.client, &t.server);
    moved = move(&t.server, &t.client) || moved;
  }
}

static void tick(uint64_t ms) {
  t.env.now += ms * H2WS_MS;
  if (t.client.conn != NULL) {
    (void)h2ws_conn_tick(t.client.conn);
  }
  if (t.server.conn != NULL) {
    (void)h2ws_conn_tick(t.server.conn);
  }
  pump();
}

static void on_first(int (*call)(h2ws_socket *socket)) {
  int i;
  for (i = 0; i < 2; i++) {
    if (t.client.slots[i].socket != NULL) {
      (void)call(t.client.slots[i].socket);
    }
  }
}

static int ask(h2ws_socket *socket) {
  return h2ws_socket_ping(socket, "?", 1);
}

static int say(h2ws_socket *socket) {
  return h2ws_socket_send(socket, H2WS_TEXT, "hello", 5);
}

static int say_more(h2ws_socket *socket) {
  static uint8_t more[300];
  return h2ws_socket_send(socket, H2WS_BINARY, more, sizeof(more));
}

static int say_goodbye(h2ws_socket *socket) {
  return h2ws_socket_close(socket, 1000, NULL, 0);
}

static int pause_it(h2ws_socket *socket) {
  return h2ws_socket_pause(socket);
}

static void broadcast(void) {
  h2ws_socket *sockets[2] = {t.server.slots[0].socket,
                             t.server.slots[1].socket};
  h2ws_message *message;
  ck_assert_int_eq(h2ws_message_new(&message, NULL, H2WS_TEXT, "all", 3), 0);
  (void)h2ws_socket_broadcast(message, sockets, 2, NULL);
  h2ws_message_release(message);
}

static void start(struct side *side, bool server) {
  h2ws_conn_options options;
  test_env_options(&t.env, &t.mem, &options);
  options.high_water = 500;
  options.low_water = 100;
  side->server = server;
  ck_assert_int_eq((server ? h2ws_conn_server_new : h2ws_conn_client_new)(
                     &side->conn, &options, &conn_callbacks, side),
                   0);
}

static void finish(struct side *side) {
  int i;
  h2ws_conn_free(side->conn);
  side->conn = NULL;
  ck_assert_int_eq(side->conn_closes, 1);
  for (i = 0; i < side->sockets; i++) {
    ck_assert_int_eq(side->slots[i].closes, 1);
  }
}

static void session(void) {
  int i;
  start(&t.client, /* server = */ false);
  start(&t.server, /* server = */ true);
  open_socket(&t.client);
  open_socket(&t.client);
  pump();
  on_first(ask);
  on_first(say);
  pump();
  for (i = 0; i < 8; i++) {
    on_first(say_more);
  }
  pump();
  on_first(pause_it);
  broadcast();
  pump();
  on_first(h2ws_socket_resume);
  pump();
  on_first(say_goodbye);
  pump();
  if (t.server.conn != NULL) {
    (void)h2ws_conn_drain(t.server.conn);
  }
  pump();
  tick(1000);
  tick(10000);
  tick(60000);
  finish(&t.client);
  finish(&t.server);
  ck_assert_uint_eq(t.env.live, 0);
}

/* True if it came to the event, for the time after `skip` times. */
static bool strike(int chunk, bool chunked, int event, int action, int skip) {
  bool struck = false;
  int way;
  for (way = 0; way < 4; way++) {
    memset(&t, 0, sizeof(t));
    test_env_init(&t.env);
    t.chunk = test_chunks[chunk];
    t.chunked = chunked;
    t.armed = true;
    t.on_server = way % 2 == 1;
    t.neighbour = way / 2 == 1;
    t.event = (enum event)event;
    t.action = (enum action)action;
    t.skip = skip;
    session();
    struck = struck || !t.armed;
  }
  return struck;
}

START_TEST(LC_09_LC_17_every_call_inside_every_callback) {
  int action;
  for (action = 0; action < ACTIONS; action++) {
    (void)strike(_i % TEST_CHUNKS, /* chunked = */ false, _i / TEST_CHUNKS,
                 action, 0);
  }
}
END_TEST

/* Each time, also from within calls of the application on a socket. */
START_TEST(LC_09_what_ends_things_inside_every_callback_each_time) {
  static const enum action actions[] = {CLOSE, ABORT, RESET_STREAM,
                                        SHUTDOWN_CONN, FREE_CONN};
  size_t i;
  for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
    int skip = 0;
    while (strike(/* chunk = */ 3, /* chunked = */ false, _i, (int)actions[i],
                  skip)) {
      skip++;
    }
    ck_assert_int_gt(skip, 0);
  }
}
END_TEST

START_TEST(WS_17_the_application_ends_it_between_chunks) {
  int action;
  for (action = 0; action < ACTIONS; action++) {
    (void)strike(_i, /* chunked = */ true, ON_MESSAGE, action, 0);
  }
}
END_TEST

/* Each event comes, or the test above shows nothing about it. */
START_TEST(LC_09_every_event_comes) {
  int event;
  for (event = 0; event < EVENTS; event++) {
    int i;
    int struck = 0;
    for (i = 0; i < 2; i++) {
      memset(&t, 0, sizeof(t));
      test_env_init(&t.env);
      t.chunk = test_chunks[_i];
      t.armed = true;
      t.on_server = i == 1;
      t.event = (enum event)event;
      t.action = CALL_IN_A_CIRCLE;
      session();
      struck += !t.armed;
    }
    ck_assert_msg(struck > 0, "event %d never came", event);
  }
}
END_TEST

START_TEST(LC_17_what_has_ended_says_so) {
  static struct test_pair pair;
  static struct test_events events;
  h2ws_socket *socket;
  h2ws_stream *stream;
  test_pair_init(&pair, test_chunks[_i]);
  test_pair_start(&pair);
  socket = h2ws_socket_retain(test_pair_open(&pair, "/echo", &events));
  test_pair_pump(&pair);
  stream = h2ws_stream_retain(h2ws_socket_stream(socket));
  ck_assert_int_eq(h2ws_socket_close(socket, 1000, NULL, 0), 0);
  ck_assert_int_eq(h2ws_socket_close(socket, 1000, NULL, 0), H2WS_ERR_STATE);
  test_pair_pump(&pair);
  ck_assert_int_eq(events.closed, 1);
  ck_assert_int_eq(h2ws_socket_close(socket, 1000, NULL, 0), H2WS_ERR_CLOSED);
  ck_assert_int_eq(h2ws_socket_abort(socket), H2WS_ERR_CLOSED);
  ck_assert_int_eq(h2ws_socket_send(socket, H2WS_TEXT, "x", 1),
                   H2WS_ERR_CLOSED);
  ck_assert_int_eq(h2ws_socket_ping(socket, NULL, 0), H2WS_ERR_CLOSED);
  ck_assert_int_eq(h2ws_stream_write(stream, "x", 1), H2WS_ERR_CLOSED);
  ck_assert_int_eq(h2ws_stream_shutdown(stream), H2WS_ERR_CLOSED);
  ck_assert_int_eq(h2ws_stream_reset(stream, H2WS_H2_CANCEL), H2WS_ERR_CLOSED);
  ck_assert_int_eq(h2ws_socket_get_state(socket), H2WS_SOCKET_CLOSED);
  ck_assert_int_eq(h2ws_socket_close(NULL, 1000, NULL, 0), H2WS_ERR_INVALID);
  ck_assert_int_eq(h2ws_socket_abort(NULL), H2WS_ERR_INVALID);
  ck_assert_int_eq(h2ws_stream_reset(NULL, H2WS_H2_CANCEL), H2WS_ERR_INVALID);
  ck_assert_int_eq(h2ws_conn_shutdown(NULL, H2WS_H2_NO_ERROR),
                   H2WS_ERR_INVALID);
  h2ws_conn_free(NULL);
  h2ws_socket_release(NULL);
  h2ws_stream_release(NULL);
  h2ws_socket_release(socket);
  h2ws_stream_release(stream);
  test_pair_dispose(&pair);
  test_events_dispose(&events);
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("core/inside");
  TCase *tc = tcase_create("callbacks");
  tcase_add_loop_test(tc, LC_09_LC_17_every_call_inside_every_callback, 0,
                      EVENTS * TEST_CHUNKS);
  tcase_add_loop_test(
    tc, LC_09_what_ends_things_inside_every_callback_each_time, 0, EVENTS);
  tcase_add_loop_test(tc, WS_17_the_application_ends_it_between_chunks, 0,
                      TEST_CHUNKS);
  tcase_add_loop_test(tc, LC_09_every_event_comes, 0, TEST_CHUNKS);
  tcase_add_loop_test(tc, LC_17_what_has_ended_says_so, 0, TEST_CHUNKS);
  suite_add_tcase(suite, tc);
  return suite;
}
