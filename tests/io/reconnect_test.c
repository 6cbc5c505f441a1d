/* WebSockets that come back. */
#include <stdio.h>
#include <string.h>

#include "tests/io/support/certs.h"
#include "tests/io/support/edge.h"
#include "tests/support/suite.h"

static struct edge edge;
static h2ws_pool *pool;
static h2ws_client_options client;
static h2ws_reconnect *reconnect;
static h2ws_reconnect_options options;
static struct {
  int opened;
  int messages;
  int closed;
  int waits;
  int ended;
  int error;
  int status;
  h2ws_close_class cls;
  int free_on; /* 'o'pen, 'm'essage, 'c'lose, 'w'ait, 'e'nd */
} seen;

static void maybe_free(int where) {
  if (seen.free_on == where) {
    h2ws_reconnect_free(reconnect);
    reconnect = NULL;
  }
}

static void on_open(h2ws_socket *socket, void *user) {
  ck_assert_ptr_eq(user, &seen);
  seen.opened++;
  ck_assert_int_eq(h2ws_socket_send(socket, H2WS_TEXT, "subscribe", 9), 0);
  maybe_free('o');
}

static void on_message(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                       size_t len, void *user) {
  (void)type;
  ck_assert_ptr_eq(user, &seen);
  ck_assert_ptr_eq(socket, h2ws_reconnect_socket(reconnect));
  ck_assert_uint_eq(len, 9);
  ck_assert_mem_eq(data, "subscribe", 9);
  seen.messages++;
  maybe_free('m');
}

static void on_close(h2ws_socket *socket, const h2ws_close_info *info,
                     void *user) {
  (void)socket;
  ck_assert_ptr_eq(user, &seen);
  seen.closed++;
  seen.error = info->error;
  maybe_free('c');
}

static const h2ws_socket_callbacks callbacks = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_open = on_open,
  .on_message = on_message,
  .on_close = on_close,
};

static void on_wait(h2ws_reconnect *it, uint32_t ms, void *user) {
  ck_assert_ptr_eq(user, &seen);
  ck_assert(reconnect == NULL || it == reconnect);
  ck_assert_uint_le(ms, options.backoff.max_ms);
  seen.waits++;
  maybe_free('w');
}

static void on_end(h2ws_reconnect *it, const h2ws_close_info *info,
                   void *user) {
  (void)it;
  ck_assert_ptr_eq(user, &seen);
  seen.ended++;
  seen.error = info->error;
  seen.status = info->status;
  seen.cls = info->cls;
  maybe_free('e');
}

static void begin(bool cleartext) {
  certs_begin();
  certs_make_simple("server", NULL, "DNS:localhost,IP:127.0.0.1");
  memset(&seen, 0, sizeof(seen));
  edge_begin(&edge);
  edge.options.cleartext = cleartext;
  edge.options.cert_file = certs_file("server");
  edge_serve(&edge);
  ck_assert_int_eq(h2ws_pool_new(&pool, edge.loop, NULL), 0);
  h2ws_client_options_default(&client, sizeof(client));
  client.ca_file = certs_file("server");
  h2ws_reconnect_options_default(&options, sizeof(options));
  ck_assert_uint_eq(options.backoff.first_ms, 5000);
  options.backoff.first_ms = 4;
  options.backoff.max_ms = 20;
  options.client = &client;
  options.on_wait = on_wait;
  options.on_end = on_end;
}

static void end(void) {
  h2ws_reconnect_free(reconnect);
  reconnect = NULL;
  h2ws_pool_free(pool);
  edge_end(&edge);
  certs_end();
}

static void start_with(const char *path, const h2ws_socket_callbacks *with) {
  char url[256];
  (void)snprintf(url, sizeof(url), "%s://localhost:%d%s",
                 edge.options.cleartext ? "ws" : "wss", edge_port(&edge), path);
  ck_assert_int_eq(
    h2ws_reconnect_start(&reconnect, pool, url, &options, with, &seen), 0);
}

static void start(const char *path) {
  start_with(path, &callbacks);
}

START_TEST(H_26_it_comes_back_and_subscribes_again) {
  int i;
  begin(_i == 0);
  start("/echo");
  for (i = 1; i <= 5; i++) {
    EDGE_UNTIL(&edge, seen.messages == i);
    ck_assert_int_eq(seen.opened, i);
    ck_assert_ptr_nonnull(h2ws_reconnect_socket(reconnect));
    if (i % 2 == 0) {
      ck_assert_int_eq(h2ws_conn_shutdown(edge.conn, H2WS_H2_INTERNAL_ERROR),
                       0);
    } else if (i == 1) {
      ck_assert_int_eq(h2ws_socket_abort(edge.socket), 0);
    } else {
      ck_assert_int_eq(h2ws_socket_close(edge.socket, 1012, NULL, 0), 0);
    }
    EDGE_UNTIL(&edge, seen.closed == i);
    ck_assert_ptr_null(h2ws_reconnect_socket(reconnect));
    ck_assert_int_eq(seen.waits, i);
  }
  ck_assert_int_eq(seen.ended, 0);
  end();
}
END_TEST

/* The port is taken again by another server: one that was restarted. */
static int pings;
static int pongs;
static int writables;
static size_t chunks_len;

static void on_chunk(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                     size_t len, unsigned flags, void *user) {
  (void)data;
  (void)flags;
  ck_assert_ptr_eq(user, &seen);
  ck_assert_ptr_eq(socket, h2ws_reconnect_socket(reconnect));
  ck_assert_int_eq(type, H2WS_TEXT);
  chunks_len += len;
}

static void on_ping(h2ws_socket *socket, const uint8_t *data, size_t len,
                    void *user) {
  (void)socket;
  ck_assert_ptr_eq(user, &seen);
  ck_assert_uint_eq(len, 4);
  ck_assert_mem_eq(data, "ping", 4);
  pings++;
}

static void on_pong(h2ws_socket *socket, const uint8_t *data, size_t len,
                    void *user) {
  (void)socket;
  ck_assert_ptr_eq(user, &seen);
  ck_assert_uint_eq(len, 4);
  ck_assert_mem_eq(data, "pong", 4);
  pongs++;
}

static void on_writable(h2ws_socket *socket, void *user) {
  (void)socket;
  ck_assert_ptr_eq(user, &seen);
  writables++;
}

START_TEST(all_callbacks_come_through) {
  static const h2ws_socket_callbacks all = {
    .size = sizeof(h2ws_socket_callbacks),
    .on_open = on_open,
    .on_chunk = on_chunk,
    .on_ping = on_ping,
    .on_pong = on_pong,
    .on_writable = on_writable,
    .on_close = on_close,
  };
  static char block[65536];
  h2ws_socket *socket;
  size_t sent = 9; /* "subscribe" */
  memset(block, 'x', sizeof(block));
  begin(true);
  start_with("/echo", &all);
  EDGE_UNTIL(&edge, chunks_len == sent);
  socket = h2ws_reconnect_socket(reconnect);
  ck_assert_int_eq(h2ws_socket_ping(edge.socket, "ping", 4), 0);
  ck_assert_int_eq(h2ws_socket_ping(socket, "pong", 4), 0);
  EDGE_UNTIL(&edge, pings == 1 && pongs == 1);
  while (h2ws_socket_send(socket, H2WS_TEXT, block, sizeof(block)) == 0) {
    sent += sizeof(block);
  }
  EDGE_UNTIL(&edge, writables == 1 && chunks_len == sent);
  end();
}
END_TEST

START_TEST(H_26_it_outlasts_a_restart) {
  begin(_i == 0);
  start("/echo");
  EDGE_UNTIL(&edge, seen.messages == 1);
  h2ws_server_free(edge.server);
  edge.server = NULL;
  EDGE_UNTIL(&edge, seen.waits >= 3);
  ck_assert_int_eq(seen.error, H2WS_ERR_CONNECT);
  edge.options.listen = edge.address;
  edge_serve(&edge);
  EDGE_UNTIL(&edge, seen.messages == 2);
  ck_assert_int_eq(seen.opened, 2);
  ck_assert_int_eq(seen.ended, 0);
  end();
}
END_TEST

START_TEST(H_26_it_stops_where_it_does_not_help) {
  begin(_i == 2);
  client.ca_file = _i == 1 ? NULL : client.ca_file;
  start(_i == 1 ? "/echo" : "/nothing");
  EDGE_UNTIL(&edge, seen.ended);
  ck_assert_int_eq(seen.waits, 0);
  ck_assert_int_eq(seen.closed, 1);
  if (_i == 1) {
    ck_assert_int_eq(seen.error, H2WS_ERR_CERTIFICATE);
  } else {
    ck_assert_int_eq(seen.status, 404);
  }
  end();
}
END_TEST

START_TEST(H_26_tries_are_bounded) {
  begin(true);
  h2ws_server_free(edge.server);
  edge.server = NULL;
  options.backoff.tries = 3;
  start("/echo");
  EDGE_UNTIL(&edge, seen.ended);
  ck_assert_int_eq(seen.waits, 3);
  ck_assert_int_eq(seen.closed, 4);
  ck_assert_int_eq(seen.error, H2WS_ERR_CONNECT);
  end();
}
END_TEST

/* A server that accepts and then fails is not better than one that refuses. */
START_TEST(H_26_a_short_life_is_a_failure) {
  int i;
  begin(true);
  options.backoff.first_ms = 1000;
  options.backoff.max_ms = 1;
  options.backoff.tries = 3;
  start("/echo");
  for (i = 1; i <= 4; i++) {
    EDGE_UNTIL(&edge, seen.messages == i);
    ck_assert_int_eq(h2ws_socket_abort(edge.socket), 0);
  }
  EDGE_UNTIL(&edge, seen.ended);
  ck_assert_int_eq(seen.waits, 3);
  end();
}
END_TEST

START_TEST(the_first_open_may_be_tried_once) {
  begin(true);
  options.only_lost = true;
  h2ws_server_free(edge.server);
  edge.server = NULL;
  start("/echo");
  EDGE_UNTIL(&edge, seen.ended);
  ck_assert_int_eq(seen.closed, 1);
  end();
}
END_TEST

START_TEST(what_we_close_stays_closed) {
  begin(true);
  start("/echo");
  EDGE_UNTIL(&edge, seen.messages == 1);
  ck_assert_int_eq(
    h2ws_socket_close(h2ws_reconnect_socket(reconnect), 1001, NULL, 0), 0);
  EDGE_UNTIL(&edge, seen.ended);
  ck_assert_int_eq(seen.cls, H2WS_CLOSE_CLEAN);
  ck_assert_int_eq(seen.waits, 0);
  end();
}
END_TEST

/* 0: while it is open; 1: while it waits. */
START_TEST(stopped_it_does_not_come_back) {
  begin(true);
  start("/echo");
  EDGE_UNTIL(&edge, seen.messages == 1);
  options.backoff.max_ms = 60000;
  if (_i == 0) {
    h2ws_reconnect_stop(reconnect);
    ck_assert_int_eq(seen.ended, 0);
    ck_assert_int_eq(h2ws_socket_abort(edge.socket), 0);
    EDGE_UNTIL(&edge, seen.ended);
    ck_assert_int_eq(seen.waits, 0);
  } else {
    ck_assert_int_eq(h2ws_socket_abort(edge.socket), 0);
    EDGE_UNTIL(&edge, seen.waits);
    h2ws_reconnect_stop(reconnect);
    ck_assert_int_eq(seen.ended, 1);
    ck_assert_int_eq(seen.cls, H2WS_CLOSE_ABORTED);
  }
  ck_assert_int_eq(seen.opened, 1);
  end();
}
END_TEST

/* From inside each callback, and at each step. */
START_TEST(it_can_be_freed_from_inside) {
  static const char where[] = "omcwe";
  begin(true);
  options.backoff.tries = 1;
  seen.free_on = (unsigned char)where[_i];
  start(where[_i] == 'e' ? "/nothing" : "/echo");
  if (where[_i] == 'c' || where[_i] == 'w') {
    EDGE_UNTIL(&edge, seen.messages == 1);
    ck_assert_int_eq(h2ws_socket_abort(edge.socket), 0);
  }
  EDGE_UNTIL(&edge, reconnect == NULL);
  EDGE_UNTIL(&edge, edge.socket_closes || where[_i] == 'e');
  ck_assert_int_eq(seen.ended, where[_i] == 'e');
  end();
}
END_TEST

START_TEST(it_can_be_freed_at_each_step) {
  begin(true);
  start(_i == 2 ? "/wait" : "/echo");
  if (_i == 1) {
    EDGE_UNTIL(&edge, h2ws_pool_conns(pool) == 1);
  } else if (_i == 2) {
    EDGE_UNTIL(&edge, edge.waiting != NULL);
  } else if (_i == 3) {
    EDGE_UNTIL(&edge, seen.opened);
  }
  h2ws_reconnect_free(reconnect);
  reconnect = NULL;
  ck_assert_int_eq(seen.closed, 0);
  end();
  ck_assert_int_eq(seen.closed, 0);
}
END_TEST

START_TEST(the_pool_ends_it) {
  begin(true);
  start("/echo");
  EDGE_UNTIL(&edge, seen.messages == 1);
  h2ws_pool_free(pool);
  pool = NULL;
  ck_assert_int_eq(seen.ended, 1);
  ck_assert_int_eq(seen.cls, H2WS_CLOSE_ABORTED);
  end();
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("reconnect");
  TCase *back = tcase_create("back");
  TCase *ends = tcase_create("ends");
  tcase_set_timeout(back, 30);
  tcase_set_timeout(ends, 30);
  tcase_add_loop_test(back, H_26_it_comes_back_and_subscribes_again, 0, 2);
  tcase_add_test(back, all_callbacks_come_through);
  tcase_add_loop_test(back, H_26_it_outlasts_a_restart, 0, 2);
  tcase_add_loop_test(back, H_26_it_stops_where_it_does_not_help, 0, 3);
  tcase_add_test(back, H_26_tries_are_bounded);
  tcase_add_test(back, H_26_a_short_life_is_a_failure);
  tcase_add_test(back, the_first_open_may_be_tried_once);
  tcase_add_test(ends, what_we_close_stays_closed);
  tcase_add_loop_test(ends, stopped_it_does_not_come_back, 0, 2);
  tcase_add_loop_test(ends, it_can_be_freed_from_inside, 0, 5);
  tcase_add_loop_test(ends, it_can_be_freed_at_each_step, 0, 4);
  tcase_add_test(ends, the_pool_ends_it);
  suite_add_tcase(suite, back);
  suite_add_tcase(suite, ends);
  return suite;
}
