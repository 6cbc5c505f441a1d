/*
 * A loop that the test itself turns, with a server and clients on it. What
 * is not ours (raw.h) runs on threads of its own.
 */
#ifndef H2WS_TESTS_IO_EDGE_H
#define H2WS_TESTS_IO_EDGE_H

#include <check.h>
#include <h2ws/event.h>
#include <stdatomic.h>

/* Numbers are atomic, because a server may have threads. */
struct edge {
  h2ws_loop *loop;
  struct event_base *base; /* set to bring one along */
  struct event *tick;
  h2ws_time began;
  int fds; /* open when it began */
  h2ws_server *server;
  h2ws_server_options options;
  char address[128];
  void (*on_request)(struct edge *edge); /* instead of an answer */
  void (*on_message)(struct edge *edge); /* instead of an echo */
  atomic_int requests;
  atomic_int conns;
  atomic_int conn_closes;
  atomic_int conn_errors;
  atomic_int messages;
  atomic_int socket_closes;
  atomic_int stopped;
  /* Of the last one, unless the server has threads. */
  h2ws_conn *conn;
  h2ws_stream *waiting; /* a request for /wait, left undecided */
  h2ws_socket *socket;
  int conn_error;
  char conn_error_text[256];
  h2ws_close_class conn_cls;
  int conn_close_error;
  char conn_detail[256];
  h2ws_close_class socket_cls;
  uint16_t socket_code;
  bool resumed;
  char tls_version[16];
  char peer[128];
};

/* A loop, and options of a server on a free port; change them, then serve. */
void edge_begin(struct edge *edge);
void edge_serve(struct edge *edge);

/* One turn of the loop; fails the test if it has been going on too long. */
void edge_turn(struct edge *edge);
#define EDGE_UNTIL(edge, condition)                                            \
  do {                                                                         \
    while (!(condition)) {                                                     \
      edge_turn(edge);                                                         \
    }                                                                          \
  } while (0)

/* Drains the server and waits for the last of it. */
void edge_stop(struct edge *edge);

/* Frees all; fails if a descriptor was not closed. */
void edge_end(struct edge *edge);

int edge_port(const struct edge *edge);
int edge_open_fds(void);
h2ws_time edge_now(void);

/* A client with, unless told otherwise, one socket over HTTP/2. */
struct guest {
  struct edge *edge;
  h2ws_client *client;
  h2ws_socket *socket;
  size_t len; /* of all messages */
  h2ws_client_options options;
  int connected;
  int closed;
  h2ws_close_class cls;
  int error;
  h2ws_http http;
  int opened;
  int messages;
  int socket_closed;
  int socket_error;
  h2ws_close_class socket_cls;
  uint16_t close_code; /* of the client's on_close */
  uint16_t code;
  bool no_socket;
  bool free_on_message; /* the client, from inside */
  bool retryable;
  bool resumed;
  char tls_version[16];
  char cipher[64];
  char last[64];
  char peer[128];
  char detail[384];
};

void guest_init(struct guest *guest, struct edge *edge);

/* Starts to connect to a URL. */
void guest_connect(struct guest *guest, const char *url);

/* The same to the server of the edge: "wss" and "localhost", say. */
void guest_visit(struct guest *guest, const char *scheme, const char *host,
                 const char *path);

void guest_send(struct guest *guest, const char *text);
/* Sends a message and waits until it is back. */
void guest_echo(struct guest *guest, const char *text);
/* Closes the socket, then the connection; frees the client. */
void guest_leave(struct guest *guest);

#endif
