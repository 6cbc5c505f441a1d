/* Servers: listeners, their threads, and the links they accept. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io/address.h"
#include "lib/io/link.h"
#include "lib/io/tls.h"

#define ACCEPTS_PER_TURN 64
/* Hostile row IO-13: how long to leave a listener alone that cannot accept. */
#define PAUSE_MS 100
#define PAUSE_MAX_MS 1000

struct worker;

/* One accepted link, in its worker's list. */
struct session {
  struct h2ws__grave grave; /* first */
  struct worker *worker;
  struct h2ws__link *link;
  struct session *next;
  struct session **pprev;
};

/* A loop with a listener; its own thread unless it is the only one. */
struct worker {
  h2ws_server *server;
  h2ws_loop *loop;
  struct h2ws__letter stop;    /* to its own loop */
  struct h2ws__letter is_done; /* to the server's */
  bool threaded;
  bool started;
  bool stopping;
  bool done;
  pthread_t thread;
  int fd;
  struct event *accept_event;
  struct event *pause_timer;
  uint32_t pause_ms;
  struct session *sessions;
  size_t sessions_len;
};

struct h2ws_server {
  h2ws_loop *loop;
  struct h2ws__letter bury;
  h2ws_server_options options;
  const h2ws_server_callbacks *callbacks;
  void *user;
  SSL_CTX *ctx;
  char *protocols;
  struct worker *workers;
  size_t workers_len;
  size_t workers_done;
  bool freed;
  char address[H2WS__ADDRESS_TEXT];
};

/* ------------------------------------------------------------------------
 * Events of links
 */

static struct session *session_of(const struct h2ws__link *link) {
  return link->owner;
}

static void worker_check_done(struct worker *worker);

static void event_open(struct h2ws__link *link) {
  const struct worker *worker = session_of(link)->worker;
  const h2ws_server *server = worker->server;
  if (server->callbacks->on_conn != NULL) {
    server->callbacks->on_conn(link->conn, server->user);
  }
  if (worker->stopping) {
    (void)h2ws_conn_drain(link->conn);
  }
}

static void event_request(struct h2ws__link *link, h2ws_stream *stream) {
  h2ws_server *server = session_of(link)->worker->server;
  server->callbacks->on_request(link->conn, stream, server->user);
}

static void event_failed(struct h2ws__link *link, int error, const char *text) {
  h2ws_server *server = session_of(link)->worker->server;
  if (server->callbacks->on_conn_error != NULL) {
    server->callbacks->on_conn_error(error, text, server->user);
  }
}

static void event_ended(struct h2ws__link *link, h2ws_conn *conn,
                        const h2ws_close_info *info) {
  const h2ws_server *server = session_of(link)->worker->server;
  if (server->callbacks->on_conn_close != NULL) {
    server->callbacks->on_conn_close(conn, info, server->user);
  }
}

static void session_bury(struct h2ws__grave *grave) {
  free(grave); /* the first member of its session */
}

static void session_free(struct session *session) {
  *session->pprev = session->next;
  if (session->next != NULL) {
    session->next->pprev = session->pprev;
  }
  session->worker->sessions_len--;
  h2ws__loop_bury(session->worker->loop, &session->grave, session_bury);
}

static void event_gone(struct h2ws__link *link) {
  struct session *session = session_of(link);
  struct worker *worker = session->worker;
  session_free(session);
  h2ws__link_free(link);
  worker_check_done(worker);
}

static void event_trace(struct h2ws__link *link, h2ws_conn *conn,
                        h2ws_trace_level level, const char *text) {
  const h2ws_server *server = session_of(link)->worker->server;
  server->callbacks->on_trace(conn, level, text, server->user);
}

static const struct h2ws__link_events events = {
  event_open,  NULL,       event_request, event_failed,
  event_ended, event_gone, NULL,          NULL,
};
static const struct h2ws__link_events events_traced = {
  event_open,  NULL,       event_request, event_failed,
  event_ended, event_gone, event_trace,   NULL,
};

/* ------------------------------------------------------------------------
 * Accepting
 */

static struct session *session_new(struct worker *worker, int fd) {
  h2ws_server *server = worker->server;
  struct session *session = calloc(1, sizeof(*session));
  SSL *ssl = NULL;
  if (session == NULL) {
    (void)close(fd);
    return NULL;
  }
  if (server->ctx != NULL) {
    ssl = SSL_new(server->ctx);
  }
  if ((server->ctx != NULL && ssl == NULL) ||
      h2ws__link_new(&session->link, worker->loop, fd, ssl,
                     &server->options.conn, /* server = */ true) != 0) {
    if (ssl == NULL && server->ctx != NULL) {
      (void)close(fd);
    }
    free(session);
    return NULL;
  }
  session->link->owner = session;
  session->link->events =
    server->callbacks->on_trace != NULL ? &events_traced : &events;
  session->worker = worker;
  session->next = worker->sessions;
  if (session->next != NULL) {
    session->next->pprev = &session->next;
  }
  session->pprev = &worker->sessions;
  worker->sessions = session;
  worker->sessions_len++;
  return session;
}

static void accepted(struct worker *worker, int fd,
                     const struct sockaddr_storage *addr, socklen_t len) {
  h2ws_server *server = worker->server;
  struct session *session;
  unsigned max = server->options.max_conns;
  if (max > 0 && worker->sessions_len >= max) {
    (void)close(fd);
    return;
  }
  session = session_new(worker, fd);
  if (session == NULL) {
    return;
  }
  h2ws__address_text((const struct sockaddr *)(const void *)addr, len,
                     session->link->peer, sizeof(session->link->peer));
  if (h2ws__link_start(session->link, server->options.handshake_timeout_ms) !=
      0) {
    h2ws__link_drop(session->link, H2WS_ERR_NOMEM, "no memory for a link");
  }
}

/* The process or the system is out of something: try again later. */
static void worker_pause(struct worker *worker) {
  struct timeval tv;
  worker->pause_ms = worker->pause_ms == 0 ? PAUSE_MS : worker->pause_ms * 2;
  if (worker->pause_ms > PAUSE_MAX_MS) {
    worker->pause_ms = PAUSE_MAX_MS;
  }
  tv.tv_sec = worker->pause_ms / 1000;
  tv.tv_usec = (suseconds_t)(worker->pause_ms % 1000) * 1000;
  (void)event_del(worker->accept_event);
  (void)event_add(worker->pause_timer, &tv);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg) {
  struct worker *worker = arg;
  (void)fd;
  (void)what;
  if (!worker->stopping) {
    (void)event_add(worker->accept_event, NULL);
  }
}

static void on_accept(evutil_socket_t fd, short what, void *arg) {
  struct worker *worker = arg;
  int i;
  (void)what;
  for (i = 0; i < ACCEPTS_PER_TURN && !worker->stopping; i++) {
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);
    int client = accept4(fd, (struct sockaddr *)(void *)&addr, &len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client >= 0) {
      worker->pause_ms = 0;
      accepted(worker, client, &addr, len);
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
        errno == ENOMEM) {
      worker_pause(worker);
      return;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EBADF) {
      return;
    }
    /* ECONNABORTED and its kin: that one is lost, not the next. */
  }
}

/* ------------------------------------------------------------------------
 * Workers
 */

static void report_stopped(void *arg) {
  h2ws_server *server = arg;
  if (server->callbacks->on_stopped != NULL) {
    server->callbacks->on_stopped(server, server->user);
  }
}

static void worker_is_done(void *arg) {
  struct worker *worker = arg;
  h2ws_server *server = worker->server;
  if (worker->threaded && worker->started) {
    (void)pthread_join(worker->thread, NULL);
    worker->started = false;
  }
  server->workers_done++;
  if (!server->freed && server->workers_done == server->workers_len) {
    report_stopped(server);
  }
}

static void worker_check_done(struct worker *worker) {
  if (!worker->stopping || worker->done || worker->sessions != NULL) {
    return;
  }
  worker->done = true;
  if (worker->threaded) {
    (void)h2ws_loop_stop(worker->loop);
  }
  /* From a posted call, so that on_stopped may free everything. */
  (void)h2ws__mailbox_put(worker->server->loop->mailbox, &worker->is_done);
}

static void worker_close_listener(struct worker *worker) {
  if (worker->accept_event != NULL) {
    event_free(worker->accept_event);
    worker->accept_event = NULL;
  }
  if (worker->pause_timer != NULL) {
    event_free(worker->pause_timer);
    worker->pause_timer = NULL;
  }
  if (worker->fd >= 0) {
    (void)close(worker->fd);
    worker->fd = -1;
  }
}

static void worker_stop(void *arg) {
  struct worker *worker = arg;
  struct session *session;
  struct session *next;
  if (worker->stopping) {
    return;
  }
  worker->stopping = true;
  worker_close_listener(worker);
  for (session = worker->sessions; session != NULL; session = next) {
    next = session->next;
    if (session->link->conn != NULL) {
      (void)h2ws_conn_drain(session->link->conn);
    } else {
      h2ws__link_drop(session->link, H2WS_ERR_CANCELLED,
                      "the server is stopping");
    }
  }
  worker_check_done(worker);
}

static void *worker_main(void *arg) {
  struct worker *worker = arg;
  (void)h2ws_loop_run(worker->loop);
  return NULL;
}

static int worker_listen(struct worker *worker) {
  struct event_base *base = h2ws_loop_base(worker->loop);
  worker->accept_event =
    event_new(base, worker->fd, EV_READ | EV_PERSIST, on_accept, worker);
  worker->pause_timer = event_new(base, -1, 0, on_pause_over, worker);
  return worker->accept_event == NULL || worker->pause_timer == NULL ||
             event_add(worker->accept_event, NULL) != 0
           ? H2WS_ERR_NOMEM
           : 0;
}

/* A thread that leaves all signals to the application's own. */
static int worker_run(struct worker *worker) {
  sigset_t all;
  sigset_t old;
  int rv;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &old);
  rv = pthread_create(&worker->thread, NULL, worker_main, worker);
  (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
  worker->started = rv == 0;
  return rv == 0 ? 0 : H2WS_ERR_IO;
}

/* ------------------------------------------------------------------------
 * Life
 */

void h2ws_server_options_default(h2ws_server_options *options, size_t size) {
  h2ws_server_options o = {0};
  if (options == NULL) {
    return;
  }
  o.size = size;
  o.listen_fd = -1;
  o.handshake_timeout_ms = 10000;
  h2ws_conn_options_default(&o.conn, sizeof(o.conn));
  o.conn.http = H2WS_HTTP_ANY;
  memcpy(options, &o, size < sizeof(o) ? size : sizeof(o));
}

/* Any other would be readable for ever, and never give a connection. */
static bool does_listen(int fd) {
  int listens = 0;
  socklen_t len = sizeof(listens);
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 &&
         listens != 0;
}

/* A TCP port each thread listens on by itself; others they share. */
static int worker_open_listener(struct worker *worker,
                                const h2ws_server_options *o, const char *where,
                                char *why, size_t why_len) {
  const h2ws_server *server = worker->server;
  bool shared = o->listen_fd >= 0 || h2ws__address_is_unix(where);
  if (shared && worker != server->workers) {
    worker->fd = fcntl(server->workers[0].fd, F_DUPFD_CLOEXEC, 0);
  } else if (o->listen_fd >= 0 && !does_listen(o->listen_fd)) {
    (void)snprintf(why, why_len, "listen_fd (%d) does not listen",
                   o->listen_fd);
    return H2WS_ERR_INVALID;
  } else if (o->listen_fd >= 0) {
    worker->fd = o->listen_fd;
    (void)evutil_make_socket_nonblocking(worker->fd);
    (void)evutil_make_socket_closeonexec(worker->fd);
  } else {
    return h2ws__address_listen(where, server->workers_len > 1, &worker->fd,
                                why, why_len);
  }
  return worker->fd < 0 ? H2WS_ERR_IO : 0;
}

static int server_listen(h2ws_server *server, const h2ws_server_options *o,
                         char *why, size_t why_len) {
  const char *where = o->listen;
  struct sockaddr_storage addr;
  socklen_t len = sizeof(addr);
  size_t i;
  for (i = 0; i < server->workers_len; i++) {
    struct worker *worker = &server->workers[i];
    int rv = worker_open_listener(worker, o, where, why, why_len);
    if (rv != 0) {
      return rv;
    }
    if (i == 0 &&
        getsockname(worker->fd, (struct sockaddr *)(void *)&addr, &len) == 0) {
      h2ws__address_text((const struct sockaddr *)(const void *)&addr, len,
                         server->address, sizeof(server->address));
      where = server->address; /* the others share the real port */
    }
  }
  return 0;
}

static void worker_init(struct worker *worker, h2ws_server *server) {
  worker->server = server;
  worker->stop = (struct h2ws__letter){.fn = worker_stop, .arg = worker};
  worker->is_done = (struct h2ws__letter){.fn = worker_is_done, .arg = worker};
  worker->fd = -1;
  worker->threaded = server->workers_len > 1;
  worker->loop = worker->threaded ? NULL : server->loop;
}

static int server_make_workers(h2ws_server *server, unsigned threads) {
  size_t len = threads > 1 ? threads : 1;
  size_t i;
  int rv = 0;
  server->workers = calloc(len, sizeof(*server->workers));
  if (server->workers == NULL) {
    return H2WS_ERR_NOMEM;
  }
  server->workers_len = len;
  for (i = 0; i < len; i++) {
    worker_init(&server->workers[i], server);
  }
  for (i = 0; i < len && len > 1 && rv == 0; i++) {
    rv = h2ws_loop_new(&server->workers[i].loop, NULL);
  }
  return rv;
}

static int server_run(h2ws_server *server) {
  size_t i;
  for (i = 0; i < server->workers_len; i++) {
    struct worker *worker = &server->workers[i];
    int rv = worker_listen(worker);
    if (rv == 0 && worker->threaded) {
      rv = worker_run(worker);
    }
    if (rv != 0) {
      return rv;
    }
  }
  return 0;
}

static int server_copy_options(h2ws_server *server,
                               const h2ws_server_options *options) {
  h2ws_server_options *o = &server->options;
  h2ws_server_options_default(o, sizeof(*o));
  memcpy(o, options, options->size < sizeof(*o) ? options->size : sizeof(*o));
  if (o->conn.protocols != NULL) {
    server->protocols = strdup(o->conn.protocols);
    if (server->protocols == NULL) {
      return H2WS_ERR_NOMEM;
    }
    o->conn.protocols = server->protocols;
  }
  return 0;
}

static int server_prepare(h2ws_server *server,
                          const h2ws_server_options *options, char *why,
                          size_t why_len) {
  int rv = server_copy_options(server, options);
  if (rv == 0 && server->options.require_client_cert &&
      (server->options.cleartext || server->options.client_ca_file == NULL)) {
    (void)snprintf(why, why_len,
                   "require_client_cert needs TLS and a client_ca_file");
    return H2WS_ERR_INVALID;
  }
  if (rv == 0 && !options->cleartext) {
    rv = h2ws__tls_server_context(&server->ctx, &server->options, why, why_len);
  }
  if (rv == 0) {
    rv = server_make_workers(server, server->options.threads);
  }
  if (rv == 0) {
    rv = server_listen(server, &server->options, why, why_len);
  }
  if (rv == 0) {
    rv = server_run(server);
  }
  return rv;
}

int h2ws_server_start(h2ws_server **out, h2ws_loop *loop,
                      const h2ws_server_options *options,
                      const h2ws_server_callbacks *callbacks, void *user,
                      char *why, size_t why_len) {
  char text[256];
  h2ws_server *server;
  int rv;
  if (why != NULL && why_len > 0) {
    (void)snprintf(why, why_len, "%s", h2ws_strerror(H2WS_ERR_INVALID));
  }
  if (out == NULL || loop == NULL || options == NULL || callbacks == NULL ||
      callbacks->on_request == NULL ||
      (options->listen == NULL && options->listen_fd < 0)) {
    return H2WS_ERR_INVALID;
  }
  *out = NULL;
  server = calloc(1, sizeof(*server));
  text[0] = '\0';
  rv = H2WS_ERR_NOMEM;
  if (server != NULL) {
    server->loop = loop;
    server->callbacks = callbacks;
    server->user = user;
    rv = server_prepare(server, options, text, sizeof(text));
  }
  if (why != NULL && why_len > 0) {
    (void)snprintf(why, why_len, "%s",
                   text[0] == '\0' ? h2ws_strerror(rv) : text);
  }
  if (rv == 0) {
    *out = server;
    return 0;
  }
  if (server != NULL && server->options.listen_fd >= 0 &&
      server->workers_len > 0) {
    server->workers[0].fd = -1; /* stays with the caller */
  }
  h2ws_server_free(server);
  return rv;
}

const char *h2ws_server_address(const h2ws_server *server) {
  return server == NULL ? NULL : server->address;
}

int h2ws_server_stop(h2ws_server *server) {
  size_t i;
  if (server == NULL) {
    return H2WS_ERR_INVALID;
  }
  for (i = 0; i < server->workers_len; i++) {
    struct worker *worker = &server->workers[i];
    int rv = h2ws__mailbox_put(worker->loop->mailbox, &worker->stop);
    if (rv != 0) {
      return rv;
    }
  }
  return 0;
}

static void worker_free(struct worker *worker) {
  if (worker->started) {
    (void)h2ws_loop_stop(worker->loop);
    (void)pthread_join(worker->thread, NULL);
    worker->started = false; /* worker_is_done() may still be in the mail */
  }
  worker->stopping = true;
  worker->done = true;
  worker_close_listener(worker);
  while (worker->sessions != NULL) {
    h2ws__link_drop(worker->sessions->link, H2WS_ERR_CANCELLED,
                    "the server was freed");
  }
  if (worker->threaded) {
    h2ws_loop_free(worker->loop);
  }
}

static void server_bury(void *arg) {
  h2ws_server *server = arg;
  SSL_CTX_free(server->ctx);
  free(server->protocols);
  free(server->workers);
  free(server);
}

void h2ws_server_free(h2ws_server *server) {
  size_t i;
  if (server == NULL) {
    return;
  }
  server->freed = true;
  for (i = 0; i < server->workers_len; i++) {
    worker_free(&server->workers[i]);
  }
  /* Calls that were posted to it come first. */
  server->bury.fn = server_bury;
  server->bury.arg = server;
  (void)h2ws__mailbox_put(server->loop->mailbox, &server->bury);
}
