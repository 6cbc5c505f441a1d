/*
 * h2ws demo: the main job in front of one's eyes. A server on a thread of its
 * own, one TLS connection to it, three WebSockets on that connection.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"

#define SOCKETS 3
#define ROUNDS 4 /* text and binary in turn */

struct demo;

struct demo_socket {
  struct demo *demo;
  h2ws_socket *socket;
  int number;
  int round;
  h2ws_time sent_at;
};

struct demo {
  h2ws_loop *loop;
  h2ws_server *server;
  h2ws_client *client;
  struct demo_socket sockets[SOCKETS];
  int open;
  int sent;
  int echoed;
  int failed;
  h2ws_time fastest;
  h2ws_time slowest;
};

static const char *const texts[ROUNDS] = {
  "hello over HTTP/2",
  "\x00\x01\x02\xfe\xff",
  "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5",
  "\xde\xad\xbe\xef",
};
static const size_t lengths[ROUNDS] = {17, 5, 11, 4};

static h2ws_time clock_now(void) {
  struct timespec ts;
  (void)clock_gettime(CLOCK_MONOTONIC, &ts);
  return (h2ws_time)ts.tv_sec * 1000 * H2WS_MS + (h2ws_time)ts.tv_nsec;
}

static h2ws_type type_of(int round) {
  return round % 2 == 0 ? H2WS_TEXT : H2WS_BINARY;
}

static void send_next(struct demo_socket *ds) {
  int round = ds->round;
  ds->sent_at = clock_now();
  if (h2ws_socket_send(ds->socket, type_of(round), texts[round],
                       lengths[round]) == 0) {
    ds->demo->sent++;
  }
}

/* ------------------------------------------------------------------------
 * The client's side
 */

static void on_open(h2ws_socket *socket, void *user) {
  struct demo_socket *ds = user;
  h2ws_stream *stream = h2ws_socket_stream(socket);
  h2ws_link_info info = {0};
  info.size = sizeof(info);
  (void)h2ws_conn_link_info(h2ws_stream_conn(stream), &info);
  if (ds->demo->open == 0) {
    printf("connected to %s with %s (%s), HTTP/2 by ALPN\n", info.peer,
           info.tls_version, info.cipher);
  }
  ds->demo->open++;
  printf("  WebSocket %d is open on HTTP/2 stream %" PRId64 "\n", ds->number,
         h2ws_stream_id(stream));
  send_next(ds);
}

static void print_payload(h2ws_type type, const uint8_t *data, size_t len) {
  size_t i;
  if (type == H2WS_TEXT) {
    printf("\"%.*s\"", (int)len, (const char *)data);
    return;
  }
  for (i = 0; i < len; i++) {
    printf("%s%02x", i == 0 ? "" : " ", data[i]);
  }
}

static void on_message(h2ws_socket *socket, h2ws_type type, const uint8_t *data,
                       size_t len, void *user) {
  struct demo_socket *ds = user;
  struct demo *demo = ds->demo;
  h2ws_time took = clock_now() - ds->sent_at;
  if (type != type_of(ds->round) || len != lengths[ds->round] ||
      memcmp(data, texts[ds->round], len) != 0) {
    demo->failed++;
  }
  demo->echoed++;
  demo->fastest =
    demo->echoed == 1 || took < demo->fastest ? took : demo->fastest;
  demo->slowest = took > demo->slowest ? took : demo->slowest;
  printf("  WebSocket %d: %s ", ds->number,
         type == H2WS_TEXT ? "text  " : "binary");
  print_payload(type, data, len);
  printf(" came back in %.2f ms\n", (double)took / (double)H2WS_MS);
  ds->round++;
  if (ds->round < ROUNDS) {
    send_next(ds);
  } else {
    (void)h2ws_socket_close(socket, 1000, "that was all", 12);
  }
}

static void on_close(h2ws_socket *socket, const h2ws_close_info *info,
                     void *user) {
  struct demo_socket *ds = user;
  struct demo *demo = ds->demo;
  (void)socket;
  printf("  WebSocket %d closed: code %u, %s\n", ds->number,
         (unsigned)info->code, h2ws_close_class_name(info->cls));
  demo->failed += info->cls != H2WS_CLOSE_CLEAN;
  demo->open--;
  if (demo->open == 0) {
    (void)h2ws_conn_drain(h2ws_client_conn(demo->client));
  }
}

static const h2ws_socket_callbacks socket_callbacks = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_open = on_open,
  .on_message = on_message,
  .on_close = on_close,
};

static void on_connect(h2ws_client *client, h2ws_conn *conn, void *user) {
  struct demo *demo = user;
  int i;
  (void)conn;
  for (i = 0; i < SOCKETS; i++) {
    struct demo_socket *ds = &demo->sockets[i];
    ds->demo = demo;
    ds->number = i + 1;
    demo->failed += h2ws_client_open_socket(client, &ds->socket, NULL, 0, NULL,
                                            &socket_callbacks, ds) != 0;
  }
}

static void on_client_close(h2ws_client *client, const h2ws_close_info *info,
                            void *user) {
  struct demo *demo = user;
  (void)client;
  if (info->cls != H2WS_CLOSE_CLEAN) {
    printf("the connection failed: %s\n", info->detail);
    demo->failed++;
  }
  (void)h2ws_server_stop(demo->server);
}

static const h2ws_client_callbacks client_callbacks = {
  .size = sizeof(h2ws_client_callbacks),
  .on_connect = on_connect,
  .on_close = on_client_close,
};

/* ------------------------------------------------------------------------
 * The program
 */

static void on_stopped(h2ws_server *server, void *user) {
  (void)server;
  (void)h2ws_loop_stop(user);
}

static int report(const struct demo *demo) {
  bool good = demo->failed == 0 && demo->echoed == SOCKETS * ROUNDS;
  printf("%d messages sent, %d echoed, on %d WebSockets over one TLS "
         "connection; round trip %.2f to %.2f ms\n",
         demo->sent, demo->echoed, SOCKETS,
         (double)demo->fastest / (double)H2WS_MS,
         (double)demo->slowest / (double)H2WS_MS);
  printf("%s\n\nTry next, in two terminals:\n"
         "  build/release/bin/h2ws serve\n"
         "  build/release/bin/h2ws connect --insecure "
         "wss://localhost:8443/echo\n",
         good ? "everything came back as it was sent"
              : "something went wrong: see above");
  return good ? CLI_OK : CLI_RECEIVE;
}

static int run(struct demo *demo) {
  h2ws_client_options options;
  char url[160];
  int rv;
  h2ws_client_options_default(&options, sizeof(options));
  options.insecure = true; /* the certificate was made a moment ago */
  printf("a server listens on https://%s (certificate made in memory)\n",
         h2ws_server_address(demo->server));
  (void)snprintf(url, sizeof(url), "wss://%s/echo",
                 h2ws_server_address(demo->server));
  rv = h2ws_client_connect(&demo->client, demo->loop, url, &options,
                           &client_callbacks, demo);
  if (rv != 0) {
    printf("cannot connect: %s\n", h2ws_strerror(rv));
    return CLI_CONNECT;
  }
  (void)h2ws_loop_run(demo->loop);
  h2ws_client_free(demo->client);
  return report(demo);
}

int cli_demo(void) {
  struct demo demo = {0};
  h2ws_server_options options;
  h2ws_server_callbacks callbacks = {0};
  char why[256];
  int rv;
  callbacks.size = sizeof(callbacks);
  callbacks.on_request = cli_serve_request;
  callbacks.on_stopped = on_stopped;
  h2ws_server_options_default(&options, sizeof(options));
  options.listen = "127.0.0.1:0";
  options.threads = 2;
  if (h2ws_loop_new(&demo.loop, NULL) != 0) {
    return CLI_RECEIVE;
  }
  rv = h2ws_server_start(&demo.server, demo.loop, &options, &callbacks,
                         demo.loop, why, sizeof(why));
  if (rv != 0) {
    (void)fprintf(stderr, "h2ws demo: %s\n", why);
    h2ws_loop_free(demo.loop);
    return CLI_CONNECT;
  }
  rv = run(&demo);
  h2ws_server_free(demo.server);
  h2ws_loop_free(demo.loop);
  return rv;
}
