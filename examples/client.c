/* Connects, sends a message, prints the answer. Argument: a URL. */
#include <h2ws/h2ws.h>
#include <stdio.h>

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
  h2ws_client **client = user;
  (void)socket;
  if (info->cls != H2WS_CLOSE_CLEAN) {
    (void)fprintf(stderr, "%s\n", info->detail);
  }
  (void)h2ws_conn_drain(h2ws_client_conn(*client));
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
  (void)user;
  if (info->cls != H2WS_CLOSE_CLEAN) {
    (void)fprintf(stderr, "%s\n", info->detail);
  }
  h2ws_client_free(client);
}

static const h2ws_client_callbacks client_callbacks = {
  .size = sizeof(client_callbacks),
  .on_connect = on_connect,
  .on_close = on_close,
};

int main(int argc, char **argv) {
  h2ws_client_options options;
  h2ws_client *client = NULL;
  h2ws_loop *loop = NULL;
  h2ws_client_options_default(&options, sizeof(options));
  options.ca_file = argc > 2 ? argv[2] : NULL;
  if (argc < 2 || h2ws_loop_new(&loop, NULL) != 0 ||
      h2ws_client_connect(&client, loop, argv[1], &options, &client_callbacks,
                          &client) != 0) {
    (void)fprintf(stderr, "usage: %s URL [CA-FILE]\n", argv[0]);
    h2ws_loop_free(loop);
    return 1;
  }
  (void)h2ws_loop_run(loop);
  h2ws_loop_free(loop);
  return 0;
}
