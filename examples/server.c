/* Echoes WebSocket messages. Argument: HOST:PORT. */
#include <h2ws/h2ws.h>
#include <stdio.h>

static void on_message(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                       size_t len, void *user) {
  (void)user;
  if (h2ws_socket_send(socket, type, data, len) != 0) {
    (void)h2ws_socket_close(socket, 1013, "too slow", 8);
  }
}

static const h2ws_socket_callbacks echo = {
  .size = sizeof(echo),
  .on_message = on_message,
};

static void on_request(h2ws_conn *conn, h2ws_stream *stream, void *user) {
  h2ws_socket *socket = NULL;
  (void)conn;
  (void)user;
  if (h2ws_stream_is_websocket(stream)) {
    (void)h2ws_socket_accept(stream, &socket, NULL, 0, NULL, &echo, NULL);
  } else {
    (void)h2ws_stream_respond(stream, 404, NULL, 0, NULL, 0);
  }
}

static const h2ws_server_callbacks callbacks = {
  .size = sizeof(callbacks),
  .on_request = on_request,
};

int main(int argc, char **argv) {
  h2ws_server_options options;
  h2ws_server *server = NULL;
  h2ws_loop *loop = NULL;
  char why[256] = "no event loop";
  h2ws_server_options_default(&options, sizeof(options));
  options.listen = argc > 1 ? argv[1] : "127.0.0.1:8443";
  if (h2ws_loop_new(&loop, NULL) != 0 ||
      h2ws_server_start(&server, loop, &options, &callbacks, NULL, why,
                        sizeof(why)) != 0) {
    (void)fprintf(stderr, "%s\n", why);
    h2ws_loop_free(loop);
    return 1;
  }
  printf("listening on https://%s\n", h2ws_server_address(server));
  (void)h2ws_loop_run(loop);
  h2ws_server_free(server);
  h2ws_loop_free(loop);
  return 0;
}
