/* Pools: which opening goes on which connection, and what is tried again. */
#include <stdlib.h>
#include <string.h>

#include "lib/io/client.h"
#include "lib/io/loop.h"
#include "lib/io/opening.h"

#define MISDIRECTED 421
/* A connection for one ends right after that one. */
#define ALONE_IDLE_MS 1

/* A connection of the pool. */
struct h2ws__member {
  struct h2ws__grave grave; /* first */
  h2ws_pool *pool;
  struct h2ws__member *next;
  char *key;
  h2ws_conn_options options;
  h2ws_client *client;
  struct h2ws__openings waiting; /* until it is ready */
  size_t asked;                  /* for streams, so far */
  bool websocket;                /* made for one, and knows if it is taken */
  bool alone;                    /* not shared */
  bool ready;
  bool retired; /* what is open stays, nothing new comes */
  bool dropped;
};

struct h2ws_pool {
  struct h2ws__grave grave; /* first */
  h2ws_loop *loop;
  h2ws_pool_options options;
  struct h2ws__member *members;
  struct h2ws__openings todo;
  struct h2ws__openings asked;
  struct event *event; /* something is to do */
  struct h2ws__origins alone;
  bool freed;
};

/* ------------------------------------------------------------------------
 * The end of openings
 */

static void opening_call_close(h2ws_opening *o, const h2ws_close_info *info) {
  h2ws_socket *socket = o->socket;
  h2ws_stream *stream = o->stream;
  const h2ws_socket_callbacks *on_socket = o->socket_callbacks;
  const h2ws_stream_callbacks *on_stream = o->stream_callbacks;
  void *user = o->user;
  h2ws__opening_unlist(o);
  h2ws__opening_free(o);
  if (on_socket != NULL) {
    (void)h2ws_socket_set_callbacks(socket, on_socket, user);
    if (on_socket->on_close != NULL) {
      on_socket->on_close(socket, info, user);
    }
  } else {
    (void)h2ws_stream_set_callbacks(stream, on_stream, user);
    if (on_stream->on_close != NULL) {
      on_stream->on_close(stream, info, user);
    }
  }
}

static void opening_fail(h2ws_opening *o, h2ws_close_class cls, int error,
                         const char *why) {
  h2ws_close_info info;
  memset(&info, 0, sizeof(info));
  info.size = sizeof(info);
  info.cls = cls;
  info.error = error;
  info.retryable = true; /* nothing of the request was sent */
  info.code = 1006;
  info.reason = "";
  info.detail = why;
  opening_call_close(o, &info);
}

static void pool_wake(h2ws_pool *pool) {
  event_active(pool->event, EV_TIMEOUT, 0);
}

static void opening_again(h2ws_opening *o) {
  o->socket = NULL;
  o->stream = NULL;
  o->member = NULL;
  o->misdirected = false;
  h2ws__openings_append(&o->pool->todo, o);
  pool_wake(o->pool);
}

/* ------------------------------------------------------------------------
 * Members
 */

static void member_bury(struct h2ws__grave *grave) {
  struct h2ws__member *m = (struct h2ws__member *)(void *)grave;
  free(m->key);
  free(m);
}

/* Its memory stays until the end of the turn: on_close may still come. */
static void member_drop(struct h2ws__member *m) {
  struct h2ws__member **at = &m->pool->members;
  if (m->dropped) {
    return;
  }
  m->dropped = true;
  while (*at != m) {
    at = &(*at)->next;
  }
  *at = m->next;
  h2ws__loop_bury(m->pool->loop, &m->grave, member_bury);
  h2ws_client_free(m->client);
}

static bool is_alone(const h2ws_pool *pool, const h2ws_opening *o) {
  return o->client.own_connection || o->given ||
         h2ws__origins_have(&pool->alone, o->key, h2ws__io_now(NULL));
}

static void remember_alone(h2ws_pool *pool, const char *key) {
  h2ws__origins_add(&pool->alone, key, h2ws__io_now(NULL));
}

static void open_on(struct h2ws__member *m, h2ws_opening *o);
static void place(h2ws_opening *o);

/* For one: those behind it look for something else. */
static void member_ready_alone(struct h2ws__member *m) {
  h2ws_opening *one = m->waiting.first;
  if (one == NULL) {
    member_drop(m);
    return;
  }
  h2ws__opening_unlist(one);
  while (m->waiting.first != NULL) {
    opening_again(m->waiting.first);
  }
  open_on(m, one);
}

static void member_ready(struct h2ws__member *m) {
  bool http1 = h2ws_conn_http(h2ws_client_conn(m->client)) == H2WS_HTTP_1_1;
  m->ready = true;
  if (http1 && !m->alone) {
    m->alone = true;
    remember_alone(m->pool, m->key);
  }
  if (m->alone) {
    member_ready_alone(m);
    return;
  }
  while (m->waiting.first != NULL && !m->dropped) {
    h2ws_opening *o = m->waiting.first;
    h2ws__opening_unlist(o);
    place(o);
  }
}

static void on_connect(h2ws_client *client, h2ws_conn *conn, void *user) {
  (void)client;
  if (h2ws_conn_is_ready(conn)) {
    member_ready(user);
  }
}

static void on_ready(h2ws_client *client, void *user) {
  (void)client;
  member_ready(user);
}

static void on_close(h2ws_client *client, const h2ws_close_info *info,
                     void *user) {
  struct h2ws__member *m = user;
  h2ws_close_info theirs = *info;
  (void)client;
  if (theirs.error == 0) { /* in order, but not for who waits for it */
    theirs.cls = H2WS_CLOSE_LOST;
    theirs.error = H2WS_ERR_LOST;
    theirs.retryable = true;
  }
  while (m->waiting.first != NULL) {
    opening_call_close(m->waiting.first, &theirs);
  }
  member_drop(m);
}

static const h2ws_client_callbacks client_callbacks = {
  .size = sizeof(h2ws_client_callbacks),
  .on_connect = on_connect,
  .on_close = on_close,
};

/* `why` gets a sentence where it fails. */
static int member_new(struct h2ws__member **out, h2ws_opening *o, char *why,
                      size_t why_len) {
  h2ws_pool *pool = o->pool;
  struct h2ws__member *m = calloc(1, sizeof(*m));
  int rv = H2WS_ERR_NOMEM;
  if (m == NULL) {
    return rv;
  }
  m->pool = pool;
  memcpy(&m->options, &o->client.conn, sizeof(m->options));
  m->websocket = o->url.websocket;
  m->alone = is_alone(pool, o);
  h2ws__openings_init(&m->waiting);
  m->key = strdup(o->key);
  if (m->key != NULL) {
    o->client.why = why;
    o->client.why_len = why_len;
    rv = h2ws_client_connect(&m->client, pool->loop, o->url_text, &o->client,
                             &client_callbacks, m);
    o->client.why = NULL;
  }
  if (rv != 0) {
    member_bury(&m->grave);
    return rv;
  }
  o->client.fd = -1; /* the client has it */
  h2ws__client_on_ready(m->client, on_ready);
  m->next = pool->members;
  pool->members = m;
  *out = m;
  return 0;
}

/* ------------------------------------------------------------------------
 * Placing
 */

/* Where only what is between the members differs, nothing is shared. */
static bool same_options(const h2ws_conn_options *a,
                         const h2ws_conn_options *b) {
  /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-*) */
  return memcmp(a, b, sizeof(*a)) == 0;
}

static bool member_fits(const struct h2ws__member *m, const h2ws_opening *o) {
  return !m->alone && !m->retired && strcmp(m->key, o->key) == 0 &&
         same_options(&m->options, &o->client.conn) &&
         (!m->ready || h2ws_conn_can_open(h2ws_client_conn(m->client)));
}

static size_t member_streams(const struct h2ws__member *m) {
  return h2ws_conn_streams(h2ws_client_conn(m->client));
}

/* As long as it is not ready nobody knows: wait and see. */
static bool member_has_room(const struct h2ws__member *m) {
  unsigned max = m->pool->options.max_streams;
  return !m->ready || ((max == 0 || member_streams(m) < max) &&
                       h2ws_conn_room(h2ws_client_conn(m->client)) > 0);
}

/* NULL: make a new one. */
static struct h2ws__member *find_member(const h2ws_opening *o) {
  struct h2ws__member *m;
  struct h2ws__member *least = NULL;
  unsigned count = 0;
  if (o->fresh || is_alone(o->pool, o)) {
    return NULL;
  }
  for (m = o->pool->members; m != NULL; m = m->next) {
    if (!member_fits(m, o)) {
      continue;
    }
    if (member_has_room(m)) {
      return m;
    }
    if (least == NULL || member_streams(m) < member_streams(least)) {
      least = m;
    }
    count++;
  }
  return count < o->pool->options.max_conns ? NULL : least;
}

static void place(h2ws_opening *o) {
  struct h2ws__member *m = find_member(o);
  char why[384] = "";
  int rv = m == NULL ? member_new(&m, o, why, sizeof(why)) : 0;
  o->fresh = false;
  if (rv != 0) {
    opening_fail(o, H2WS_CLOSE_REFUSED, rv,
                 why[0] != '\0' ? why : h2ws_strerror(rv));
  } else if (m->ready) {
    open_on(m, o);
  } else {
    o->member = m;
    h2ws__openings_append(&m->waiting, o);
  }
}

static void on_todo(evutil_socket_t fd, short what, void *arg) {
  h2ws_pool *pool = arg;
  h2ws_opening *o;
  (void)fd;
  (void)what;
  while ((o = pool->todo.first) != NULL) {
    h2ws__opening_unlist(o);
    place(o);
  }
}

/* ------------------------------------------------------------------------
 * Asking, and asking again
 */

static bool again_on_another(h2ws_opening *o, struct h2ws__member *m) {
  if (m->asked == 1) {
    return false; /* it was a connection of its own */
  }
  m->retired = true;
  o->fresh = true;
  remember_alone(o->pool, o->key);
  return true;
}

static bool is_connect(const h2ws_opening *o) {
  const char *method = o->request.method;
  return o->socket_callbacks == NULL &&
         (method == NULL || strcmp(method, "CONNECT") == 0);
}

static bool again_by_http1(h2ws_opening *o, struct h2ws__member *m) {
  if (is_connect(o) || o->client.conn.http != H2WS_HTTP_ANY) {
    return false;
  }
  h2ws__client_remember_http1(m->client, o->url.websocket);
  remember_alone(o->pool, o->key);
  o->fresh = true;
  return true;
}

static bool should_try_again(h2ws_opening *o, const h2ws_close_info *info) {
  struct h2ws__member *m = o->member;
  if (o->pool->freed || o->given || o->tries >= o->pool->options.max_tries) {
    return false;
  }
  if (o->misdirected || info->status == MISDIRECTED) {
    return again_on_another(o, m);
  }
  if (info->error == H2WS_ERR_HTTP_1_1) {
    return again_by_http1(o, m);
  }
  /* A connection for requests does not look whether it is taken. */
  if (info->error == H2WS_ERR_UNSUPPORTED && o->url.websocket &&
      !m->websocket && o->client.conn.http == H2WS_HTTP_ANY) {
    o->fresh = true;
    return true;
  }
  return info->retryable;
}

static void opening_ended(h2ws_opening *o, const h2ws_close_info *info) {
  if (should_try_again(o, info)) {
    opening_again(o);
  } else {
    opening_call_close(o, info);
  }
}

static void on_socket_open(h2ws_socket *socket, void *user) {
  h2ws_opening *o = user;
  const h2ws_socket_callbacks *callbacks = o->socket_callbacks;
  void *its = o->user;
  (void)h2ws_socket_set_callbacks(socket, callbacks, its);
  h2ws__opening_unlist(o);
  h2ws__opening_free(o);
  if (callbacks->on_open != NULL) {
    callbacks->on_open(socket, its);
  }
}

static void on_socket_close(h2ws_socket *socket, const h2ws_close_info *info,
                            void *user) {
  (void)socket;
  opening_ended(user, info);
}

static const h2ws_socket_callbacks asked_socket = {
  .size = sizeof(h2ws_socket_callbacks),
  .on_open = on_socket_open,
  .on_close = on_socket_close,
};

/* Another answer than to a CONNECT: 421 may be the connection's fault. */
static bool is_misdirected(h2ws_stream *stream, h2ws_opening *o) {
  o->misdirected = h2ws_stream_status(stream) == MISDIRECTED &&
                   o->member->asked > 1 &&
                   o->tries < o->pool->options.max_tries;
  return o->misdirected;
}

static void on_stream_open(h2ws_stream *stream, void *user) {
  h2ws_opening *o = user;
  const h2ws_stream_callbacks *callbacks = o->stream_callbacks;
  void *its = o->user;
  if (is_misdirected(stream, o)) {
    (void)h2ws_stream_reset(stream, H2WS_H2_CANCEL);
    return;
  }
  (void)h2ws_stream_set_callbacks(stream, callbacks, its);
  h2ws__opening_unlist(o);
  h2ws__opening_free(o);
  if (callbacks->on_open != NULL) {
    callbacks->on_open(stream, its);
  }
}

static void on_stream_close(h2ws_stream *stream, const h2ws_close_info *info,
                            void *user) {
  (void)stream;
  opening_ended(user, info);
}

static const h2ws_stream_callbacks asked_stream = {
  .size = sizeof(h2ws_stream_callbacks),
  .on_open = on_stream_open,
  .on_close = on_stream_close,
};

static int ask(h2ws_conn *conn, h2ws_opening *o) {
  if (is_connect(o) && h2ws_conn_http(conn) == H2WS_HTTP_1_1) {
    return H2WS_ERR_HTTP_1_1;
  }
  return o->socket_callbacks != NULL
           ? h2ws_socket_open(conn, &o->socket, &o->request, &o->socket_options,
                              &asked_socket, o)
           : h2ws_stream_open(conn, &o->stream, &o->request, &asked_stream, o);
}

static void open_on(struct h2ws__member *m, h2ws_opening *o) {
  h2ws_conn *conn = h2ws_client_conn(m->client);
  int rv = ask(conn, o);
  o->member = m;
  o->tries++;
  m->asked++;
  if (rv == 0) {
    h2ws__openings_append(&m->pool->asked, o);
    if (m->alone) {
      (void)h2ws_conn_set_idle_timeout(conn, ALONE_IDLE_MS);
    }
    if (o->on_asked != NULL) {
      o->on_asked(o->asked_arg);
    }
    return;
  }
  if (m->alone) {
    member_drop(m);
  }
  if ((rv == H2WS_ERR_GOING_AWAY || rv == H2WS_ERR_EXHAUSTED ||
       rv == H2WS_ERR_CLOSED) &&
      o->tries < m->pool->options.max_tries) {
    opening_again(o);
  } else {
    opening_fail(o, H2WS_CLOSE_REFUSED, rv, h2ws_strerror(rv));
  }
}

static int pool_take(h2ws_pool *pool, h2ws_opening *o, h2ws_opening **out,
                     void *user) {
  o->pool = pool;
  o->user = user;
  h2ws__openings_append(&pool->todo, o);
  pool_wake(pool);
  if (out != NULL) {
    *out = o;
  }
  return 0;
}

int h2ws_pool_open_socket(h2ws_pool *pool, h2ws_opening **out, const char *url,
                          const h2ws_client_options *client,
                          const h2ws_request *request,
                          const h2ws_socket_options *options,
                          const h2ws_socket_callbacks *callbacks, void *user) {
  static const h2ws_request plain = {.size = sizeof(plain)};
  h2ws_opening *o = NULL;
  int rv;
  if (pool == NULL || pool->freed || url == NULL || callbacks == NULL) {
    return H2WS_ERR_INVALID;
  }
  rv = h2ws__opening_new(&o, url, client, request == NULL ? &plain : request,
                         options);
  if (rv != 0) {
    return rv;
  }
  o->socket_callbacks = callbacks;
  return pool_take(pool, o, out, user);
}

int h2ws_pool_open_stream(h2ws_pool *pool, h2ws_opening **out, const char *url,
                          const h2ws_client_options *client,
                          const h2ws_request *request,
                          const h2ws_stream_callbacks *callbacks, void *user) {
  h2ws_opening *o = NULL;
  int rv;
  if (pool == NULL || pool->freed || url == NULL || request == NULL ||
      callbacks == NULL) {
    return H2WS_ERR_INVALID;
  }
  rv = h2ws__opening_new(&o, url, client, request, NULL);
  if (rv != 0) {
    return rv;
  }
  o->stream_callbacks = callbacks;
  return pool_take(pool, o, out, user);
}

void h2ws_opening_cancel(h2ws_opening *o) {
  struct h2ws__member *m;
  if (o == NULL) {
    return;
  }
  o->tries = o->pool->options.max_tries;
  m = o->member;
  if (o->socket != NULL) {
    (void)h2ws_socket_abort(o->socket);
    return;
  }
  if (o->stream != NULL) {
    (void)h2ws_stream_reset(o->stream, H2WS_H2_CANCEL);
    return;
  }
  opening_fail(o, H2WS_CLOSE_ABORTED, H2WS_ERR_CANCELLED,
               h2ws_strerror(H2WS_ERR_CANCELLED));
  if (m != NULL && m->waiting.first == NULL) {
    member_drop(m); /* nobody else waits for it */
  }
}

void h2ws_opening_watch(h2ws_opening *o, void (*fn)(void *arg), void *arg) {
  if (o != NULL) {
    o->on_asked = fn;
    o->asked_arg = arg;
  }
}

const char *h2ws_opening_path(const h2ws_opening *o) {
  return o == NULL ? NULL : o->request.path;
}

/* ------------------------------------------------------------------------
 * Life
 */

void h2ws_pool_options_default(h2ws_pool_options *options, size_t size) {
  h2ws_pool_options o = {0};
  if (options == NULL) {
    return;
  }
  o.size = size;
  o.max_conns = 1;
  o.max_tries = 3;
  memcpy(options, &o, size < sizeof(o) ? size : sizeof(o));
}

int h2ws_pool_new(h2ws_pool **out, h2ws_loop *loop,
                  const h2ws_pool_options *options) {
  h2ws_pool *pool;
  if (out == NULL || loop == NULL) {
    return H2WS_ERR_INVALID;
  }
  *out = NULL;
  pool = calloc(1, sizeof(*pool));
  if (pool == NULL) {
    return H2WS_ERR_NOMEM;
  }
  h2ws_pool_options_default(&pool->options, sizeof(pool->options));
  if (options != NULL) {
    memcpy(&pool->options, options,
           options->size < sizeof(pool->options) ? options->size
                                                 : sizeof(pool->options));
  }
  pool->loop = loop;
  h2ws__openings_init(&pool->todo);
  h2ws__openings_init(&pool->asked);
  pool->event = event_new(loop->base, -1, 0, on_todo, pool);
  if (pool->event == NULL) {
    free(pool);
    return H2WS_ERR_NOMEM;
  }
  *out = pool;
  return 0;
}

static void pool_bury(struct h2ws__grave *grave) {
  h2ws_pool *pool = (h2ws_pool *)(void *)grave; /* its first member */
  h2ws__origins_dispose(&pool->alone);
  free(pool);
}

void h2ws_pool_free(h2ws_pool *pool) {
  if (pool == NULL || pool->freed) {
    return;
  }
  pool->freed = true;
  /* First, to be the last of this turn that is buried. */
  h2ws__loop_bury(pool->loop, &pool->grave, pool_bury);
  while (pool->todo.first != NULL) {
    opening_fail(pool->todo.first, H2WS_CLOSE_ABORTED, H2WS_ERR_CANCELLED,
                 h2ws_strerror(H2WS_ERR_CANCELLED));
  }
  while (pool->members != NULL) {
    member_drop(pool->members);
  }
  event_free(pool->event);
}

h2ws_loop *h2ws_pool_loop(const h2ws_pool *pool) {
  return pool == NULL ? NULL : pool->loop;
}

size_t h2ws_pool_conns(const h2ws_pool *pool) {
  const struct h2ws__member *m;
  size_t n = 0;
  for (m = pool == NULL ? NULL : pool->members; m != NULL; m = m->next) {
    n++;
  }
  return n;
}
