/*
 * FI: each allocation of the easy layer fails once, and of what it stands on,
 * on whatever thread it is: what was lost is told of, and nothing is left.
 */
#include <h2ws/easy.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/faults/support/alloc.h"
#include "tests/io/support/certs.h"
#include "tests/io/support/edge.h"
#include "tests/support/suite.h"

#define SIZE_BIG ((size_t)300 * 1024)
#define MESSAGES 3
#define PATIENCE_MS 8000
#define HANG (4000 * H2WS_MS) /* less than any deadline of the library */
#define LOST_MS 200

struct scenario {
  const char *name;
  const char *scheme;
  size_t sizes[MESSAGES]; /* of a byte stream the first: its bytes */
  size_t stride;          /* 0: 1 */
  h2ws_http http;
  bool evented;
  bool compress;
  bool comes_back;
};

static const struct scenario *now;
static uint8_t big[SIZE_BIG];
static atomic_int first_error; /* anybody was told of */
static atomic_int requests;

static bool is_stream(const struct scenario *s) {
  return strncmp(s->scheme, "http", 4) == 0;
}

static int note(int error) {
  int none = 0;
  (void)atomic_compare_exchange_strong(&first_error, &none, error);
  return error;
}

/* What a program may ask about the request; `field`: NULL for none. */
static void expect_facts(h2ws *h, const char *field) {
  h2ws_handle_info info = {.size = sizeof(info)};
  bool there = h2ws_info(h, &info) == 0 && info.http != NULL &&
               info.peer != NULL && info.path != NULL &&
               strcmp(info.path, "/it") == 0 &&
               (is_stream(now) || info.subprotocol != NULL) &&
               (field == NULL || h2ws_field(h, field) != NULL);
  ck_assert_msg(there || note(h2ws_error_code(h)) != 0, "%s: facts are missing",
                now->name);
}

/* ------------------------------------------------------------------------
 * Servers
 */

static bool turn_away(h2ws *h) {
  bool first = atomic_fetch_add(&requests, 1) == 0;
  return now->comes_back && first && h2ws_close_with(h, 1012, NULL) == 0;
}

static void handle(h2ws *h, void *user) {
  h2ws_msg m;
  int rv;
  (void)user;
  if (turn_away(h)) {
    return;
  }
  expect_facts(h, "x-test");
  while ((rv = h2ws_recv(h, &m, PATIENCE_MS)) == 0) {
    rv = h2ws_send(h, m.type, m.data, m.len);
    if (rv != 0) {
      break;
    }
  }
  if (rv != H2WS_ERR_EOF) {
    (void)note(rv);
  }
}

static void on_message(h2ws *h, const h2ws_msg *m, void *user) {
  (void)user;
  if (note(h2ws_send(h, m->type, m->data, m->len)) != 0) {
    (void)h2ws_close(h);
  }
}

static h2ws *listen_to(void) {
  h2ws_server_options server;
  h2ws_serve_options o;
  static int port; /* the same each time, for the sessions of TLS */
  h2ws_handle_info info = {.size = sizeof(info)};
  char url[64];
  h2ws *s;
  h2ws_serve_options_default(&o, sizeof(o));
  h2ws_server_options_default(&server, sizeof(server));
  server.conn.goaway_delay_ms = 1;
  o.server = &server;
  o.cert_file = certs_file("server");
  o.key_file = certs_file("server");
  o.subprotocols = "spoken";
  o.compress = now->compress;
  o.stop_timeout_ms = 3000;
  (void)snprintf(url, sizeof(url), "%s://127.0.0.1:%d", now->scheme, port);
  s = now->evented ? h2ws_listen_messages(url, on_message, NULL, &o)
                   : h2ws_listen(url, handle, NULL, &o);
  if (s == NULL) {
    ck_assert_int_ne(note(h2ws_error_code(NULL)), 0);
    return NULL;
  }
  ck_assert_int_eq(h2ws_info(s, &info), 0);
  port = (int)strtol(strrchr(info.address, ':') + 1, NULL, 10);
  return s;
}

/* ------------------------------------------------------------------------
 * Clients
 */

static h2ws *connect_to(h2ws *server) {
  static const h2ws_header header = {"x-test", "yes"};
  h2ws_handle_info info = {.size = sizeof(info)};
  h2ws_backoff backoff;
  h2ws_options o;
  char url[128];
  h2ws *c;
  ck_assert_int_eq(h2ws_info(server, &info), 0);
  (void)snprintf(url, sizeof(url), "%s://%s/it", now->scheme, info.address);
  h2ws_backoff_default(&backoff, sizeof(backoff));
  backoff.first_ms = 1;
  backoff.max_ms = 2;
  backoff.tries = 3;
  h2ws_options_default(&o, sizeof(o));
  o.headers = &header;
  o.headers_len = 1;
  o.ca_file = certs_file("ca");
  o.subprotocols = is_stream(now) ? NULL : "spoken";
  o.compress = now->compress;
  o.http = now->http;
  o.own_connection = true;
  o.open_timeout_ms = 3000;
  o.close_timeout_ms = 3000;
  o.reconnect = now->comes_back ? &backoff : NULL;
  c = h2ws_connect(url, &o);
  if (c == NULL) {
    ck_assert_int_ne(note(h2ws_error_code(NULL)), 0);
  }
  return c;
}

/* What is sent to the first of its sockets may be lost with that. */
static void wait_until_it_came_back(h2ws *c) {
  h2ws_msg m;
  int rv;
  do {
    rv = h2ws_recv(c, &m, 1);
  } while (rv == H2WS_ERR_TIMEOUT && requests < 2);
}

/* The error that ended it, 0 if all came back. */
static int talk_messages(h2ws *c) {
  h2ws_msg m;
  size_t i;
  for (i = 0; i < MESSAGES && now->sizes[i] > 0; i++) {
    int rv = h2ws_send(c, H2WS_BINARY, big, now->sizes[i]);
    if (rv == 0) {
      rv = h2ws_recv(c, &m, now->comes_back ? LOST_MS : PATIENCE_MS);
    }
    if (rv == H2WS_ERR_TIMEOUT && now->comes_back && alloc_failed()) {
      return H2WS_ERR_LOST; /* with a socket, as its description says */
    }
    if (rv != 0) {
      return rv;
    }
    ck_assert_int_eq(m.type, H2WS_BINARY);
    ck_assert_uint_eq(m.len, now->sizes[i]);
    ck_assert(memcmp(m.data, big, m.len) == 0);
  }
  return 0;
}

static int talk_bytes(h2ws *c) {
  static uint8_t buf[SIZE_BIG];
  size_t len = 0;
  h2ws_ssize n;
  int rv = h2ws_write(c, big, now->sizes[0]);
  if (rv == 0) {
    rv = h2ws_shutdown(c);
  }
  if (rv != 0) {
    return rv;
  }
  while ((n = h2ws_read(c, buf, sizeof(buf), PATIENCE_MS)) > 0) {
    ck_assert_uint_le(len + (size_t)n, now->sizes[0]);
    ck_assert(memcmp(buf, big + len, (size_t)n) == 0);
    len += (size_t)n;
  }
  return n == H2WS_ERR_EOF && len == now->sizes[0] ? 0 : (int)n;
}

static void talk(h2ws *c) {
  int rv = is_stream(now) ? talk_bytes(c) : talk_messages(c);
  h2ws_handle_info info = {.size = sizeof(info)};
  if (rv == H2WS_ERR_EOF && h2ws_info(c, &info) == 0 &&
      info.close_code == 1013) {
    (void)note(H2WS_ERR_IO); /* the server had no thread for it */
  }
  /* In good order, but too early: then the server knows why. */
  ck_assert_msg(rv != H2WS_ERR_EOF || first_error != 0,
                "%s: the end came early, and nobody was told", now->name);
  (void)note(rv == H2WS_ERR_EOF ? 0 : rv);
}

static void play(void) {
  h2ws *s = listen_to();
  h2ws *c = s == NULL ? NULL : connect_to(s);
  first_error = first_error;
  if (c != NULL) {
    expect_facts(c, NULL);
    if (now->comes_back) {
      wait_until_it_came_back(c);
    }
    talk(c);
    (void)note(h2ws_close(c));
  }
  if (s != NULL) {
    (void)note(h2ws_close(s));
  }
}

/* What each play has to come back to. */
static struct {
  size_t live;
  int fds;
} base;

/* As much of TLS sessions is kept as one origin may have. */
static size_t slack(void) {
  return strcmp(now->scheme, "wss") == 0 || strcmp(now->scheme, "https") == 0
           ? 4
           : 0;
}

static void wait_for(size_t live, int fds) {
  int i;
  for (i = 0; i < 5000 && (edge_open_fds() > fds || alloc_live() > live); i++) {
    (void)poll(NULL, 0, 1);
  }
}

/* The hidden thread may still be on its last steps. */
static void expect_nothing_left(size_t at) {
  wait_for(base.live + slack(), base.fds);
  if (alloc_live() > base.live + slack() || edge_open_fds() != base.fds) {
    alloc_explain();
  }
  ck_assert_msg(alloc_live() <= base.live + slack(), "%s, %zu: %zu blocks left",
                now->name, at, alloc_live() - base.live);
  ck_assert_msg(edge_open_fds() == base.fds, "%s, %zu: a descriptor is left",
                now->name, at);
}

/* What is made once is there; the rest has gone when it stays the same. */
static void set_base(void) {
  int same = 0;
  while (same < 100) {
    size_t live = alloc_live();
    int fds = edge_open_fds();
    (void)poll(NULL, 0, 1);
    same = live == alloc_live() && fds == edge_open_fds() ? same + 1 : 0;
  }
  base.live = alloc_live();
  base.fds = edge_open_fds();
}

/* Returns how many were asked for. */
static size_t play_once(const struct scenario *s, size_t at) {
  h2ws_time began = edge_now();
  size_t asked;
  now = s;
  first_error = 0;
  requests = 0;
  alloc_arm(at, /* and_after = */ false);
  play();
  asked = alloc_disarm();
  if (edge_now() - began >= HANG) {
    alloc_explain();
  }
  ck_assert_msg(edge_now() - began < HANG, "%s, %zu: hangs", s->name, at);
  ck_assert_msg(first_error == 0 || alloc_failed(), "%s: %s", s->name,
                h2ws_error_name(first_error));
  if (at > 0) {
    expect_nothing_left(at);
  } else {
    set_base();
  }
  return asked;
}

#define H2 .http = H2WS_HTTP_2
#define H1 .http = H2WS_HTTP_1_1
#define ANY .http = H2WS_HTTP_ANY

static const struct scenario scenarios[] = {
  {"ws", "ws", H2, .sizes = {5, 700}},
  {"wss", "wss", ANY, .sizes = {5, 700}, .stride = 2},
  {"ws, HTTP/1.1", "ws", H1, .sizes = {5, 700}},
  {"ws, evented", "ws", H2, .sizes = {5, 700}, .evented = true},
  {"ws, big", "ws", H2, .sizes = {SIZE_BIG, 5}},
  {"ws, compressed", "ws", H2, .sizes = {5000, 70000}, .compress = true},
  {"ws, comes back", "ws", H2, .sizes = {5, 700}, .comes_back = true},
  {"http", "http", H2, .sizes = {100000}},
  {"http, HTTP/1.1", "http", H1, .sizes = {100000}},
  {"https", "https", ANY, .sizes = {100000}, .stride = 2},
};
#define SCENARIOS ((int)(sizeof(scenarios) / sizeof(scenarios[0])))

/* Starts the hidden thread, when there is memory for it. */
START_TEST(the_first_call_can_be_tried_again) {
  static const struct scenario nobody = {.name = "nobody listens"};
  size_t at = 0;
  now = &nobody;
  do {
    int error;
    alloc_arm(++at, /* and_after = */ false);
    ck_assert_ptr_null(h2ws_connect("ws://127.0.0.1:1/", NULL));
    error = h2ws_error_code(NULL);
    ck_assert_msg(error == H2WS_ERR_CONNECT || error == H2WS_ERR_NOMEM ||
                    error == H2WS_ERR_IO,
                  "%s", h2ws_error_name(error));
  } while (alloc_disarm() >= at);
  ck_assert_uint_gt(at, 10);
  ck_assert_int_eq(h2ws_error_code(NULL), H2WS_ERR_CONNECT);
}
END_TEST

START_TEST(each_allocation_fails_once) {
  const struct scenario *s = &scenarios[_i];
  size_t at;
  (void)play_once(s, 0);
  for (at = 1; play_once(s, at) >= at; at += s->stride == 0 ? 1 : s->stride) {
  }
  ck_assert_uint_gt(at, 10);
  (void)play_once(s, SIZE_MAX); /* none */
}
END_TEST

static void make_certs(void) {
  size_t i;
  for (i = 0; i < SIZE_BIG; i++) {
    big[i] = (uint8_t)(i * i >> 8 ^ i);
  }
  certs_begin();
  certs_make_simple("ca", NULL, NULL);
  certs_make_simple("server", "ca", "IP:127.0.0.1");
}

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("faults/easy_nomem");
  TCase *tc = tcase_create("easy");
  tcase_add_unchecked_fixture(tc, make_certs, certs_end);
  tcase_add_test(tc, the_first_call_can_be_tried_again);
  tcase_add_loop_test(tc, each_allocation_fails_once, 0, SCENARIOS);
  suite_add_tcase(suite, tc);
  return suite;
}
