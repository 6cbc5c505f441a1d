/* Clients: a URL to a connection, step by step, under one deadline. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io/client.h"
#include "lib/io/link.h"
#include "lib/io/race.h"
#include "lib/io/tls.h"

#define WHY_LEN 384

struct h2ws_client {
  struct h2ws__grave grave; /* first */
  struct h2ws__letter given;
  h2ws_loop *loop;
  h2ws_client_options options;
  const h2ws_client_callbacks *callbacks;
  void *user;
  void (*on_ready)(h2ws_client *client, void *user); /* NULL: none */
  struct h2ws__url url;
  char *unix_path;
  char *server_name;
  SSL_CTX *ctx;
  char *session_key;
  struct h2ws__session_place sessions;
  struct h2ws__proxy proxy; /* no host: none */
  struct h2ws__race *race;
  struct event *wait_timer; /* for SETTINGS */
  struct h2ws__link *link;
  h2ws_time deadline; /* for all of it */
  h2ws_http http;     /* what is tried */
  bool waiting;       /* connected by HTTP/2, but is that what it wants? */
  bool falls_back;    /* no: HTTP/1.1 is next */
  bool told;          /* on_close was called */
  bool free_asked;
  bool given_posted; /* connect_given() is going to run */
  int last_error;
  char why[WHY_LEN];
};

static void client_fall_back(h2ws_client *client);

/* ------------------------------------------------------------------------
 * The end
 */

/* Everything but the struct. */
static void client_release(h2ws_client *client) {
  if (client->wait_timer != NULL) {
    event_free(client->wait_timer);
  }
  SSL_CTX_free(client->ctx);
  h2ws__proxy_dispose(&client->proxy);
  h2ws__url_dispose(&client->url);
  free(client->unix_path);
  free(client->server_name);
  free(client->session_key);
}

static void client_bury(struct h2ws__grave *grave) {
  h2ws_client *client = (h2ws_client *)(void *)grave; /* its first member */
  client_release(client);
  free(client);
}

static void client_call_close(h2ws_client *client,
                              const h2ws_close_info *info) {
  if (client->told) {
    return;
  }
  client->told = true;
  client->callbacks->on_close(client, info, client->user);
}

static h2ws_close_class class_of(int error) {
  switch (error) {
  case H2WS_ERR_TIMEOUT:
    return H2WS_CLOSE_TIMEOUT;
  case H2WS_ERR_CANCELLED:
    return H2WS_CLOSE_ABORTED;
  default:
    return H2WS_CLOSE_REFUSED;
  }
}

/* RFC 6455 section 7.4.1 */
static uint16_t code_of(int error) {
  return error == H2WS_ERR_TLS || error == H2WS_ERR_CERTIFICATE ? 1015 : 1006;
}

/* It never came to be: at which step, and why. */
static void client_failed(h2ws_client *client, int error) {
  h2ws_close_info info;
  memset(&info, 0, sizeof(info));
  info.size = sizeof(info);
  info.cls = class_of(error);
  info.error = error;
  info.code = code_of(error);
  info.reason = "";
  info.retryable = true; /* nothing of the request was sent */
  info.detail = client->why;
  client_call_close(client, &info);
}

static void client_explain(h2ws_client *client, const char *format, ...)
  __attribute__((format(printf, 2, 3)));

static void client_explain(h2ws_client *client, const char *format, ...) {
  va_list args;
  va_start(args, format);
  /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it was begun */
  (void)vsnprintf(client->why, sizeof(client->why), format, args);
  va_end(args);
}

/* In milliseconds, rounded up; 0: no deadline. */
static uint32_t client_time_left(const h2ws_client *client) {
  h2ws_time now = h2ws__io_now(NULL);
  h2ws_time left = client->deadline > now ? client->deadline - now : 0;
  return client->deadline == H2WS_NEVER ? 0 : (uint32_t)(left / H2WS_MS) + 1;
}

/* ------------------------------------------------------------------------
 * Events of the link
 */

static void client_announce(h2ws_client *client) {
  client->waiting = false;
  (void)event_del(client->wait_timer);
  if (client->callbacks->on_connect != NULL) {
    client->callbacks->on_connect(client, client->link->conn, client->user);
  }
}

/* A request would wait for the peer's SETTINGS anyway. */
static void client_wait(h2ws_client *client) {
  uint32_t ms = client_time_left(client);
  struct timeval tv;
  tv.tv_sec = (time_t)(ms / 1000);
  tv.tv_usec = (suseconds_t)(ms % 1000) * 1000;
  client->waiting = true;
  if (ms > 0) {
    (void)event_add(client->wait_timer, &tv);
  }
}

static void event_open(struct h2ws__link *link) {
  h2ws_client *client = link->owner;
  if (client->http == H2WS_HTTP_ANY &&
      h2ws_conn_http(link->conn) == H2WS_HTTP_2) {
    client_wait(client);
  } else {
    client_announce(client);
  }
}

/* The origin as the loop remembers it, for one kind of request. */
static void client_name(const h2ws_client *client, bool websocket, char *out,
                        size_t len) {
  (void)snprintf(out, len, "%s%s %s %.255s", websocket ? "ws" : "http",
                 client->url.secure ? "s" : "", client->url.authority,
                 client->unix_path == NULL ? "" : client->unix_path);
}

void h2ws__client_remember_http1(h2ws_client *client, bool websocket) {
  char name[H2WS__HOST_MAX * 2 + 32];
  client_name(client, websocket, name, sizeof(name));
  h2ws__origins_add(&client->loop->http1, name, h2ws__io_now(NULL));
}

static void event_ready(struct h2ws__link *link, bool extended_connect) {
  h2ws_client *client = link->owner;
  if (!client->waiting) {
    if (client->on_ready != NULL) {
      client->on_ready(client, client->user);
    }
    return;
  }
  if (extended_connect || !client->url.websocket ||
      client->options.conn.wait_for_connect_protocol) {
    client_announce(client);
    return;
  }
  h2ws__client_remember_http1(client, /* websocket = */ true);
  client->falls_back = true;
  (void)h2ws_conn_shutdown(link->conn,
                           H2WS_H2_NO_ERROR); /* then event_ended() */
}

static void event_request(struct h2ws__link *link, h2ws_stream *stream) {
  (void)link;
  (void)stream; /* clients get none */
}

static void event_failed(struct h2ws__link *link, int error, const char *text) {
  h2ws_client *client = link->owner;
  client->last_error = error;
  client_explain(client, "%s (%s): %.200s", client->url.authority, link->peer,
                 text);
}

/*
 * In cleartext nobody is asked before. A server that knows HTTP/1.1 only may
 * answer the preface, or just leave.
 */
static bool seems_http1(const h2ws_client *client,
                        const h2ws_close_info *info) {
  return client->waiting && !client->url.secure &&
         (info->error == H2WS_ERR_NOT_HTTP2 || info->error == H2WS_ERR_LOST ||
          info->error == 0);
}

/* RFC 9113 section 7: GOAWAY(HTTP_1_1_REQUIRED). */
static bool wants_http1(const h2ws_close_info *info) {
  return info->by_peer && info->h2_code == H2WS_H2_HTTP_1_1_REQUIRED;
}

/* It ended before it was announced: as if it had never come to be. */
static void client_gave_up(h2ws_client *client, const h2ws_close_info *info) {
  int error = info->error != 0 ? info->error : H2WS_ERR_LOST;
  client_explain(client, "%s: %.200s", client->url.authority,
                 client->free_asked ? "the client was freed" : info->detail);
  client_failed(client, client->free_asked ? H2WS_ERR_CANCELLED : error);
}

static void event_ended(struct h2ws__link *link, h2ws_conn *conn,
                        const h2ws_close_info *info) {
  h2ws_client *client = link->owner;
  bool waited = client->waiting;
  bool unsupported = client->falls_back || seems_http1(client, info) ||
                     (waited && wants_http1(info));
  (void)conn;
  if (wants_http1(info) || (waited && info->error == H2WS_ERR_NOT_HTTP2)) {
    h2ws__client_remember_http1(client, client->url.websocket);
  }
  client->waiting = false;
  client->falls_back = false;
  (void)event_del(client->wait_timer);
  if (unsupported && !client->free_asked) {
    client_fall_back(client);
  } else if (waited) {
    client_gave_up(client, info);
  } else {
    client_call_close(client, info);
  }
}

static void event_gone(struct h2ws__link *link) {
  h2ws_client *client = link->owner;
  bool opened = link->opened;
  client->link = NULL;
  h2ws__link_free(link);
  if (opened) {
    return; /* its end is told by event_ended() */
  }
  client_failed(client, client->last_error);
}

static bool event_push(struct h2ws__link *link, h2ws_stream *stream,
                       h2ws_stream *parent) {
  const h2ws_client *client = link->owner;
  const h2ws_client_callbacks *callbacks = client->callbacks;
  if (callbacks->size <= offsetof(h2ws_client_callbacks, on_push) ||
      callbacks->on_push == NULL) {
    return false;
  }
  callbacks->on_push(link->conn, stream, parent, client->user);
  return true;
}

static void event_trace(struct h2ws__link *link, h2ws_conn *conn,
                        h2ws_trace_level level, const char *text) {
  const h2ws_client *client = link->owner;
  client->callbacks->on_trace(conn, level, text, client->user);
}

static const struct h2ws__link_events events = {
  event_open,  event_ready, event_request, event_failed,
  event_ended, event_gone,  NULL,          event_push,
};
static const struct h2ws__link_events events_traced = {
  event_open,  event_ready, event_request, event_failed,
  event_ended, event_gone,  event_trace,   event_push,
};

/* ------------------------------------------------------------------------
 * Connecting
 */

static int client_make_ssl(h2ws_client *client, SSL **out) {
  int rv;
  *out = NULL;
  if (client->ctx == NULL) {
    return 0;
  }
  rv = h2ws__tls_client_new(out, client->ctx,
                            client->server_name != NULL ? client->server_name
                                                        : client->url.host,
                            client->options.insecure, client->http);
  if (rv == 0) {
    rv = h2ws__tls_resume(*out, &client->sessions);
  }
  if (rv != 0) {
    SSL_free(*out);
    *out = NULL;
  }
  return rv;
}

/* Takes over `fd`. */
static int client_link(h2ws_client *client, int fd, const char *peer) {
  SSL *ssl = NULL;
  int rv = client_make_ssl(client, &ssl);
  if (rv != 0) {
    (void)close(fd);
    return rv;
  }
  rv = h2ws__link_new(&client->link, client->loop, fd, ssl,
                      &client->options.conn, /* server = */ false);
  if (rv != 0) {
    return rv;
  }
  client->link->owner = client;
  client->link->http = (uint8_t)client->http;
  client->link->events =
    client->callbacks->on_trace != NULL ? &events_traced : &events;
  (void)snprintf(client->link->peer, sizeof(client->link->peer), "%s", peer);
  rv = h2ws__link_start(client->link, client_time_left(client));
  if (rv != 0) {
    h2ws__link_free(client->link);
    client->link = NULL;
  }
  return rv;
}

/* The peer does not even say that it speaks HTTP/2. */
static void on_wait_timeout(evutil_socket_t fd, short what, void *arg) {
  h2ws_client *client = arg;
  (void)fd;
  (void)what;
  h2ws__link_drop(client->link, H2WS_ERR_TIMEOUT,
                  "the peer sent no SETTINGS in time");
}

static void on_raced(int fd, const char *peer, int error, const char *why,
                     void *user) {
  h2ws_client *client = user;
  client->race = NULL;
  if (fd < 0) {
    client_explain(client, "%s", why);
  } else {
    error = client_link(client, fd, peer);
    client_explain(client, "%s", h2ws_strerror(error));
  }
  if (error != 0) {
    client_failed(client, error);
  }
}

static int client_race(h2ws_client *client) {
  struct h2ws__race_target target;
  target.host = client->url.host;
  target.port = client->url.port;
  target.proxy = client->proxy.host[0] == '\0' ? NULL : &client->proxy;
  target.timeout_ms = client_time_left(client);
  return h2ws__race_start(&client->race, client->loop, &target, on_raced,
                          client);
}

/* The descriptor or the path was given: posted, to end outside of connect. */
static void connect_given(void *arg) {
  h2ws_client *client = arg;
  int fd = client->options.fd;
  int rv = 0;
  client->given_posted = false;
  if (client->free_asked) {
    if (fd >= 0) {
      (void)close(fd);
    }
    h2ws__loop_bury(client->loop, &client->grave, client_bury);
    return;
  }
  if (fd < 0) {
    rv = h2ws__address_connect_unix(client->unix_path, &fd);
    client_explain(client, "%s: %s", client->unix_path,
                   rv == H2WS_ERR_INVALID ? "path too long" : strerror(errno));
  } else if (fcntl(fd, F_GETFL) < 0) {
    rv = H2WS_ERR_CONNECT;
    client_explain(client, "descriptor %d: %s", fd, strerror(errno));
  } else {
    (void)evutil_make_socket_nonblocking(fd);
  }
  if (rv == 0) {
    rv = client_link(client, fd,
                     client->unix_path == NULL ? "given descriptor"
                                               : client->unix_path);
  }
  if (rv != 0) {
    client_failed(client, rv);
  }
}

/* ------------------------------------------------------------------------
 * Life
 */

void h2ws_client_options_default(h2ws_client_options *options, size_t size) {
  h2ws_client_options o = {0};
  if (options == NULL) {
    return;
  }
  o.size = size;
  o.fd = -1;
  o.connect_timeout_ms = 10000;
  h2ws_conn_options_default(&o.conn, sizeof(o.conn));
  o.conn.http = H2WS_HTTP_ANY;
  memcpy(options, &o, size < sizeof(o) ? size : sizeof(o));
}

static int copy_string(char **out, const char *text) {
  if (text == NULL) {
    return 0;
  }
  *out = strdup(text);
  return *out == NULL ? H2WS_ERR_NOMEM : 0;
}

static int client_prepare_tls(h2ws_client *client) {
  int rv = h2ws__tls_client_context(&client->ctx, &client->options,
                                    &client->loop->system_cas, client->why,
                                    sizeof(client->why));
  if (rv != 0) {
    return rv;
  }
  client->session_key =
    h2ws__tls_session_key(&client->options, client->url.host, client->url.port);
  client->sessions.sessions = &client->loop->sessions;
  client->sessions.key = client->session_key;
  return client->session_key == NULL ? H2WS_ERR_NOMEM : 0;
}

static int client_prepare(h2ws_client *client, const char *url) {
  int rv = h2ws__url_parse(&client->url, url, client->why, sizeof(client->why));
  if (rv == 0) {
    rv = copy_string(&client->unix_path, client->options.unix_path);
  }
  if (rv == 0) {
    rv = copy_string(&client->server_name, client->options.server_name);
  }
  if (rv == 0 && client->options.proxy != NULL) {
    rv = h2ws__proxy_parse(&client->proxy, client->options.proxy, client->why,
                           sizeof(client->why));
  }
  if (rv == 0 && client->url.secure) {
    rv = client_prepare_tls(client);
  }
  return rv;
}
static bool client_is_given(const h2ws_client *client) {
  return client->options.fd >= 0 || client->unix_path != NULL;
}

static int client_post_given(h2ws_client *client) {
  int rv;
  client->given.fn = connect_given;
  client->given.arg = client;
  rv = h2ws__mailbox_put(client->loop->mailbox, &client->given);
  client->given_posted = rv == 0;
  return rv;
}

/* Once: HTTP/1.1 on a connection of its own, in what is left of the time. */
static void client_fall_back(h2ws_client *client) {
  int rv = 0;
  if (client->link != NULL) {
    struct h2ws__link *link = client->link;
    client->link = NULL;
    h2ws__link_orphan(link);
  }
  client->http = H2WS_HTTP_1_1;
  if (client->options.fd >= 0) {
    client_explain(client,
                   "%s: %s, and a given descriptor cannot be opened "
                   "again for HTTP/1.1",
                   client->url.authority, h2ws_strerror(H2WS_ERR_UNSUPPORTED));
    client_failed(client, H2WS_ERR_UNSUPPORTED);
    return;
  }
  rv =
    client_is_given(client) ? client_post_given(client) : client_race(client);
  if (rv != 0) {
    client_failed(client, rv);
  }
}

static h2ws_http client_choose_http(const h2ws_client *client) {
  char name[H2WS__HOST_MAX * 2 + 32];
  h2ws_http http = client->options.conn.http;
  if (http != H2WS_HTTP_ANY) {
    return http;
  }
  client_name(client, client->url.websocket, name, sizeof(name));
  return h2ws__origins_have(&client->loop->http1, name, h2ws__io_now(NULL))
           ? H2WS_HTTP_1_1
           : H2WS_HTTP_ANY;
}

static int client_begin(h2ws_client *client) {
  uint32_t ms = client->options.connect_timeout_ms;
  client->deadline = ms == 0 ? H2WS_NEVER : h2ws__io_now(NULL) + ms * H2WS_MS;
  client->http = client_choose_http(client);
  client->wait_timer =
    event_new(client->loop->base, -1, 0, on_wait_timeout, client);
  if (client->wait_timer == NULL) {
    return H2WS_ERR_NOMEM;
  }
  if (client_is_given(client)) {
    return client_post_given(client);
  }
  return client_race(client);
}

int h2ws_client_connect(h2ws_client **out, h2ws_loop *loop, const char *url,
                        const h2ws_client_options *options,
                        const h2ws_client_callbacks *callbacks, void *user) {
  h2ws_client *client;
  int rv;
  if (out == NULL || loop == NULL || url == NULL || callbacks == NULL ||
      callbacks->on_close == NULL) {
    return H2WS_ERR_INVALID;
  }
  *out = NULL;
  client = calloc(1, sizeof(*client));
  if (client == NULL) {
    return H2WS_ERR_NOMEM;
  }
  client->loop = loop;
  client->callbacks = callbacks;
  client->user = user;
  h2ws_client_options_default(&client->options, sizeof(client->options));
  if (options != NULL) {
    memcpy(&client->options, options,
           options->size < sizeof(client->options) ? options->size
                                                   : sizeof(client->options));
  }
  rv = client_prepare(client, url);
  if (rv == 0) {
    rv = client_begin(client);
  }
  if (rv != 0 && client->options.why != NULL) {
    (void)snprintf(client->options.why, client->options.why_len, "%s",
                   client->why[0] != '\0' ? client->why : h2ws_strerror(rv));
  }
  if (rv != 0) {
    client_release(client);
    free(client);
    return rv;
  }
  *out = client;
  return 0;
}

int h2ws_client_open_socket(h2ws_client *client, h2ws_socket **out,
                            const h2ws_header *headers, size_t headers_len,
                            const h2ws_socket_options *options,
                            const h2ws_socket_callbacks *callbacks,
                            void *user) {
  h2ws_request request;
  if (client == NULL || client->link == NULL || client->link->conn == NULL) {
    return client == NULL ? H2WS_ERR_INVALID : H2WS_ERR_CLOSED;
  }
  memset(&request, 0, sizeof(request));
  request.size = sizeof(request);
  request.authority = client->url.authority;
  request.path = client->url.path;
  request.headers = headers;
  request.headers_len = headers_len;
  return h2ws_socket_open(client->link->conn, out, &request, options, callbacks,
                          user);
}

void h2ws__client_on_ready(h2ws_client *client,
                           void (*fn)(h2ws_client *client, void *user)) {
  client->on_ready = fn;
}

const char *h2ws_client_authority(const h2ws_client *client) {
  return client == NULL ? NULL : client->url.authority;
}

const char *h2ws_client_path(const h2ws_client *client) {
  return client == NULL ? NULL : client->url.path;
}

h2ws_conn *h2ws_client_conn(h2ws_client *client) {
  return client == NULL || client->link == NULL ? NULL : client->link->conn;
}

void h2ws_client_free(h2ws_client *client) {
  if (client == NULL || client->free_asked) {
    return;
  }
  client->free_asked = true;
  if (client->link != NULL && client->link->opened && client->link->told) {
    h2ws__link_orphan(client->link); /* its last bytes still go out */
  } else if (client->link != NULL) {
    h2ws__link_drop(client->link, H2WS_ERR_CANCELLED, "the client was freed");
  } else if (!client->told) {
    client_explain(client, "the client was freed");
    client_failed(client, H2WS_ERR_CANCELLED);
  }
  h2ws__race_cancel(client->race);
  client->race = NULL;
  if (client->wait_timer != NULL) {
    (void)event_del(client->wait_timer);
  }
  if (!client->given_posted) {
    h2ws__loop_bury(client->loop, &client->grave, client_bury);
  }
}

/* ------------------------------------------------------------------------
 * What a connection runs over
 */

int h2ws_conn_link_info(const h2ws_conn *conn, h2ws_link_info *info) {
  const struct h2ws__link *link = h2ws__link_of(conn);
  h2ws_link_info mine;
  size_t size;
  if (link == NULL || info == NULL || info->size == 0) {
    return H2WS_ERR_INVALID;
  }
  size = info->size;
  memset(&mine, 0, sizeof(mine));
  mine.size = size;
  mine.peer = link->peer;
  mine.http = h2ws_conn_http(conn);
  if (link->ssl != NULL) {
    mine.tls_version = SSL_get_version(link->ssl);
    mine.cipher = SSL_get_cipher_name(link->ssl);
    mine.resumed = SSL_session_reused(link->ssl) == 1;
  }
  memcpy(info, &mine, size < sizeof(mine) ? size : sizeof(mine));
  return 0;
}
