/* Server push between a server and a client of the edge. */
#include <check.h>
#include <h2ws/event.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/suite.h"

struct world {
  h2ws_loop *loop;
  h2ws_server *server;
  h2ws_client *client;
  int push_rv;
  char path[32]; /* of what was pushed */
  char body[32];
  size_t body_len;
  bool page_closed;
  bool style_closed;   /* the client's side of what was pushed */
  bool promise_closed; /* the server's */
  uint32_t promise_code;
};

static struct world world;
static bool wanted;

static void stop_when_done(void) {
  if (world.page_closed && world.promise_closed &&
      (world.style_closed || !wanted)) {
    (void)h2ws_loop_stop(world.loop);
  }
}

/* ------------------------------------------------------------------------
 * The server
 */

static void promise_close(h2ws_stream *stream, const h2ws_close_info *info,
                          void *user) {
  (void)stream;
  (void)user;
  world.promise_closed = true;
  world.promise_code = info->h2_code;
  stop_when_done();
}

static const h2ws_stream_callbacks promise = {
  .size = sizeof(promise),
  .on_close = promise_close,
};

static void on_request(h2ws_conn *conn, h2ws_stream *stream, void *user) {
  h2ws_request request = {.size = sizeof(request), .path = "/style"};
  h2ws_stream *pushed = NULL;
  (void)conn;
  (void)user;
  request.authority = h2ws_stream_authority(stream);
  world.push_rv = h2ws_stream_push(stream, &pushed, &request, &promise, NULL);
  if (world.push_rv == 0 && wanted) {
    (void)h2ws_stream_respond(pushed, 200, NULL, 0, "bold", 4);
  }
  (void)h2ws_stream_respond(stream, 200, NULL, 0, "page", 4);
}

static const h2ws_server_callbacks server_callbacks = {
  .size = sizeof(server_callbacks),
  .on_request = on_request,
};

/* ------------------------------------------------------------------------
 * The client
 */

static void style_readable(h2ws_stream *stream, void *user) {
  h2ws_ssize n = h2ws_stream_read(stream, world.body + world.body_len,
                                  sizeof(world.body) - world.body_len);
  (void)user;
  world.body_len += n > 0 ? (size_t)n : 0;
}

static void style_close(h2ws_stream *stream, const h2ws_close_info *info,
                        void *user) {
  (void)stream;
  (void)user;
  ck_assert_int_eq(info->cls, H2WS_CLOSE_CLEAN);
  world.style_closed = true;
  stop_when_done();
}

static const h2ws_stream_callbacks style = {
  .size = sizeof(style),
  .on_readable = style_readable,
  .on_close = style_close,
};

static void on_push(h2ws_conn *conn, h2ws_stream *stream, h2ws_stream *parent,
                    void *user) {
  (void)conn;
  (void)user;
  ck_assert_int_eq(h2ws_stream_id(parent), 1);
  (void)snprintf(world.path, sizeof(world.path), "%s",
                 h2ws_stream_path(stream));
  ck_assert_int_eq(h2ws_stream_set_callbacks(stream, &style, NULL), 0);
}

static void page_close(h2ws_stream *stream, const h2ws_close_info *info,
                       void *user) {
  (void)stream;
  (void)user;
  ck_assert_int_eq(info->cls, H2WS_CLOSE_CLEAN);
  world.page_closed = true;
  stop_when_done();
}

static const h2ws_stream_callbacks page = {
  .size = sizeof(page),
  .on_close = page_close,
};

static void on_connect(h2ws_client *client, h2ws_conn *conn, void *user) {
  h2ws_request request = {.size = sizeof(request), .method = "GET"};
  h2ws_stream *stream = NULL;
  (void)user;
  request.authority = h2ws_client_authority(client);
  request.path = h2ws_client_path(client);
  request.end = true;
  ck_assert_int_eq(h2ws_stream_open(conn, &stream, &request, &page, NULL), 0);
}

static void on_close(h2ws_client *client, const h2ws_close_info *info,
                     void *user) {
  (void)client;
  (void)info;
  (void)user;
}

static const h2ws_client_callbacks with_push = {
  .size = sizeof(with_push),
  .on_connect = on_connect,
  .on_close = on_close,
  .on_push = on_push,
};
static const h2ws_client_callbacks without_push = {
  .size = sizeof(without_push),
  .on_connect = on_connect,
  .on_close = on_close,
};

static void run(void) {
  h2ws_server_options server;
  h2ws_client_options client;
  char url[128];
  char why[128];
  memset(&world, 0, sizeof(world));
  ck_assert_int_eq(h2ws_loop_new(&world.loop, NULL), 0);
  h2ws_server_options_default(&server, sizeof(server));
  server.listen = "127.0.0.1:0";
  server.cleartext = true;
  ck_assert_int_eq(h2ws_server_start(&world.server, world.loop, &server,
                                     &server_callbacks, NULL, why, sizeof(why)),
                   0);
  (void)snprintf(url, sizeof(url), "http://%s/page",
                 h2ws_server_address(world.server));
  h2ws_client_options_default(&client, sizeof(client));
  client.conn.enable_push = true;
  ck_assert_int_eq(h2ws_client_connect(&world.client, world.loop, url, &client,
                                       wanted ? &with_push : &without_push,
                                       NULL),
                   0);
  ck_assert_int_eq(h2ws_loop_run(world.loop), 0);
  h2ws_client_free(world.client);
  h2ws_server_free(world.server);
  h2ws_loop_free(world.loop);
}

START_TEST(a_client_gets_what_is_pushed) {
  wanted = true;
  run();
  ck_assert_int_eq(world.push_rv, 0);
  ck_assert_str_eq(world.path, "/style");
  ck_assert_uint_eq(world.body_len, 4);
  ck_assert_mem_eq(world.body, "bold", 4);
}
END_TEST

START_TEST(a_client_without_a_callback_refuses_it) {
  wanted = false;
  run();
  ck_assert_int_eq(world.push_rv, 0);
  ck_assert_uint_eq(world.promise_code, 8); /* CANCEL */
}
END_TEST

Suite *h2ws_test_suite(void) {
  Suite *suite = suite_create("io/push");
  TCase *tc = tcase_create("edge");
  tcase_add_test(tc, a_client_gets_what_is_pushed);
  tcase_add_test(tc, a_client_without_a_callback_refuses_it);
  suite_add_tcase(suite, tc);
  return suite;
}
