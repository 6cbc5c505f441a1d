/* Clients: a URL to a connection, step by step, under one deadline. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io/race.h"
#include "lib/io/link.h"
#include "lib/io/tls.h"

#define WHY_LEN 384

struct h2ws_client {
  struct h2ws__grave grave; /* first */
  h2ws_loop *loop;
  h2ws_client_options options;
  const h2ws_client_callbacks *callbacks;
  void *user;
  struct h2ws__url url;
  char *unix_path;
  char *server_name;
  SSL_CTX *ctx;
  char *session_key;
  struct h2ws__session_place sessions;
  struct h2ws__proxy proxy; /* no host: none */
  struct h2ws__race *race;
  struct h2ws__link *link;
  h2ws_time deadline; /* for all of it */
  bool told;          /* on_close was called */
  bool free_asked;
  bool given_posted; /* connect_given() is going to run */
  int last_error;
  char why[WHY_LEN];
};

/* ------------------------------------------------------------------------
 * The end
 */

/* Everything but the struct. */
static void client_release(h2ws_client *client) {
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

/* It never came to be: at which step, and why. */
static void client_failed(h2ws_client *client, int error) {
  h2ws_close_info info;
  memset(&info, 0, sizeof(info));
  info.size = sizeof(info);
  info.cls = class_of(error);
  info.error = error;
  info.code = 1006;
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

/* ------------------------------------------------------------------------
 * Events of the link
 */

static void event_open(struct h2ws__link *link) {
  h2ws_client *client = link->owner;
  if (client->callbacks->on_connect != NULL) {
    client->callbacks->on_connect(client, link->conn, client->user);
  }
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

static void event_ended(struct h2ws__link *link, h2ws_conn *conn,
                        const h2ws_close_info *info) {
  (void)conn;
  client_call_close(link->owner, info);
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

static void event_trace(struct h2ws__link *link, h2ws_conn *conn,
                        h2ws_trace_level level, const char *text) {
  const h2ws_client *client = link->owner;
  client->callbacks->on_trace(conn, level, text, client->user);
}

static const struct h2ws__link_events events = {
  event_open, event_request, event_failed, event_ended, event_gone, NULL,
};
static const struct h2ws__link_events events_traced = {
  event_open, event_request, event_failed, event_ended, event_gone, event_trace,
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
                            client->options.insecure);
  if (rv == 0) {
    rv = h2ws__tls_resume(*out, &client->sessions);
  }
  if (rv != 0) {
    SSL_free(*out);
    *out = NULL;
  }
  return rv;
}

static uint32_t client_time_left(const h2ws_client *client) {
  h2ws_time now = h2ws__io_now(NULL);
  h2ws_time left = client->deadline > now ? client->deadline - now : 0;
  return client->deadline == H2WS_NEVER ? 0 : (uint32_t)(left / H2WS_MS) + 1;
}

/* Takes over `fd`. */
static int client_link(h2ws_client *client, int fd, bool connecting,
                       const char *peer) {
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
  client->link->events =
    client->callbacks->on_trace != NULL ? &events_traced : &events;
  (void)snprintf(client->link->peer, sizeof(client->link->peer), "%s", peer);
  rv = h2ws__link_start(client->link, connecting, client_time_left(client));
  if (rv != 0) {
    h2ws__link_free(client->link);
    client->link = NULL;
  }
  return rv;
}

static void on_raced(int fd, const char *peer, int error, const char *why,
                     void *user) {
  h2ws_client *client = user;
  client->race = NULL;
  if (fd < 0) {
    client_explain(client, "%s", why);
  } else {
    error = client_link(client, fd, /* connecting = */ false, peer);
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
  target.timeout_ms = client->options.connect_timeout_ms;
  return h2ws__race_start(&client->race, client->loop, &target, on_raced,
                          client);
}

/* The descriptor or the path was given: posted, to end outside of connect. */
static void connect_given(void *arg) {
  h2ws_client *client = arg;
  int fd = client->options.fd;
  bool connecting = false;
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
    rv = h2ws__address_connect_unix(client->unix_path, &fd, &connecting);
    client_explain(client, "%s: %s", client->unix_path,
                   rv == H2WS_ERR_INVALID ? "path too long" : strerror(errno));
  } else {
    (void)evutil_make_socket_nonblocking(fd);
  }
  if (rv == 0) {
    rv = client_link(client, fd, connecting,
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
static int client_begin(h2ws_client *client) {
  uint32_t ms = client->options.connect_timeout_ms;
  int rv;
  client->deadline = ms == 0 ? H2WS_NEVER : h2ws__io_now(NULL) + ms * H2WS_MS;
  if (client->options.fd < 0 && client->unix_path == NULL) {
    return client_race(client);
  }
  rv = h2ws_loop_post(client->loop, connect_given, client);
  client->given_posted = rv == 0;
  return rv;
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
  if (link->ssl != NULL) {
    mine.tls_version = SSL_get_version(link->ssl);
    mine.cipher = SSL_get_cipher_name(link->ssl);
    mine.resumed = SSL_session_reused(link->ssl) == 1;
  }
  memcpy(info, &mine, size < sizeof(mine) ? size : sizeof(mine));
  return 0;
}
