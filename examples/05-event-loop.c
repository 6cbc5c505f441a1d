/*
 * 5. New: your own event loop. h2ws/event.h on a libevent base that the program
 * owns, with a timer of its own beside the WebSocket. Arguments: a URL, and a
 * file of certificates to trust.
 */
#include <event2/event.h>
#include <h2ws/event.h>
#include <stdio.h>

struct session {
  struct event_base *base;
  h2ws_client *client;
};

static void on_open(h2ws_socket *socket, void *user) {
  (void)user;
  (void)h2ws_socket_send(socket, H2WS_TEXT, "hello", 5);
}

static void on_message(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                       size_t len, void *user) {
  (void)type;
  (void)user;
  printf("%.*s\n", (int)len, (const char *)data);
  (void)h2ws_socket_close(socket, 1000, NULL, 0);
}

/* The client's connection is of no use to us any more. */
static void on_socket_close(h2ws_socket *socket, const h2ws_close_info *info,
                            void *user) {
  const struct session *session = user;
  (void)socket;
  if (info->cls != H2WS_CLOSE_CLEAN) {
    (void)fprintf(stderr, "%s\n", info->detail);
  }
  (void)h2ws_conn_drain(h2ws_client_conn(session->client));
}

static const h2ws_socket_callbacks socket_callbacks = {
  .size = sizeof(socket_callbacks),
  .on_open = on_open,
  .on_message = on_message,
  .on_close = on_socket_close,
};

static void on_connect(h2ws_client *client, h2ws_conn *conn, void *user) {
  h2ws_socket *socket = NULL;
  (void)conn;
  (void)h2ws_client_open_socket(client, &socket, NULL, 0, NULL,
                                &socket_callbacks, user);
}

static void on_close(h2ws_client *client, const h2ws_close_info *info,
                     void *user) {
  const struct session *session = user;
  (void)client;
  if (info->cls != H2WS_CLOSE_CLEAN) {
    (void)fprintf(stderr, "%s\n", info->detail);
  }
  (void)event_base_loopexit(session->base, NULL);
}

static const h2ws_client_callbacks client_callbacks = {
  .size = sizeof(client_callbacks),
  .on_connect = on_connect,
  .on_close = on_close,
};

static void on_timer(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  (void)arg;
  printf("the loop is the program's\n");
}

static int run(struct event_base *base, const char *url,
               const h2ws_client_options *options) {
  static const struct timeval at_once = {0, 0};
  struct session session = {.base = base};
  h2ws_loop *loop = NULL;
  struct event *timer = event_new(base, -1, 0, on_timer, NULL);
  int rv = h2ws_loop_new(&loop, base);
  if (rv == 0) {
    rv = h2ws_client_connect(&session.client, loop, url, options,
                             &client_callbacks, &session);
  }
  if (rv != 0) {
    (void)fprintf(stderr, "%s\n", h2ws_strerror(rv));
  } else {
    (void)event_add(timer, &at_once);
    (void)event_base_dispatch(base);
  }
  h2ws_client_free(session.client);
  h2ws_loop_free(loop);
  event_free(timer);
  return rv == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
  struct event_base *base = event_base_new();
  h2ws_client_options options;
  int rv;
  h2ws_client_options_default(&options, sizeof(options));
  options.ca_file = argc > 2 ? argv[2] : NULL;
  rv = run(base, argc > 1 ? argv[1] : "wss://localhost:8443/", &options);
  event_base_free(base);
  return rv;
}
