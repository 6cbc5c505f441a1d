/* Servers on a free port, for the tests of the easy layer. */
#ifndef H2WS_TESTS_EASY_ECHO_H
#define H2WS_TESTS_EASY_ECHO_H

#include <check.h>
#include <h2ws/easy.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SHORT_MS 200  /* for what should not happen */
#define LONG_MS 20000 /* for what should */

static inline int64_t now_ms(void) {
  struct timespec ts;
  (void)clock_gettime(CLOCK_MONOTONIC, &ts);
  return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static inline void echo(h2ws *c, void *user) {
  h2ws_msg m;
  (void)user;
  while (h2ws_recv(c, &m, H2WS_FOREVER) == 0) {
    if (h2ws_send(c, m.type, m.data, m.len) != 0) {
      return;
    }
  }
}

/* Stops without the second that lets requests under way come in. */
static inline void serve_options(h2ws_serve_options *o,
                                 h2ws_server_options *server) {
  h2ws_serve_options_default(o, sizeof(*o));
  h2ws_server_options_default(server, sizeof(*server));
  server->conn.goaway_delay_ms = 10;
  o->server = server;
  o->stop_timeout_ms = 2000;
}

static inline h2ws *listen_on(const char *url, h2ws_handler *handler,
                              void *user) {
  h2ws_serve_options o;
  h2ws_server_options server;
  h2ws *s;
  serve_options(&o, &server);
  s = h2ws_listen(url, handler, user, &o);
  ck_assert_msg(s != NULL, "%s", h2ws_error(NULL));
  return s;
}

/* The URL of a server. */
static inline const char *url_of(h2ws *server, const char *scheme,
                                 const char *path) {
  static _Thread_local char url[256];
  h2ws_handle_info info = {.size = sizeof(info)};
  ck_assert_int_eq(h2ws_info(server, &info), 0);
  (void)snprintf(url, sizeof(url), "%s://%s%s", scheme, info.address, path);
  return url;
}

static inline h2ws *connect_to(const char *url) {
  h2ws_options o;
  h2ws *c;
  h2ws_options_default(&o, sizeof(o));
  o.insecure = true;
  c = h2ws_connect(url, &o);
  ck_assert_msg(c != NULL, "%s", h2ws_error(NULL));
  return c;
}

static inline void expect_text(h2ws *c, const char *text) {
  h2ws_msg m;
  int rv = h2ws_recv(c, &m, LONG_MS);
  ck_assert_msg(rv == 0, "%s", h2ws_error(c));
  ck_assert_int_eq(m.type, H2WS_TEXT);
  ck_assert_uint_eq(m.len, strlen(text));
  ck_assert_str_eq(m.data, text);
}

#define expect_error(call, error) ck_assert_int_eq((int)(call), (error))

#endif
