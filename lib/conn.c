/*
 * The connection: joins its environment, a session of HTTP/2 or HTTP/1.1 and
 * the rules of core.h about callbacks, deferred freeing and deadlines.
 */
#include "lib/conn.h"

#include <string.h>

#include "h1/h1.h"
#include "h2/h2.h"
#include "ws/deflate.h"
#include "ws/frame.h"
#include "ws/socket.h"

/* RFC 6455 section 7.4.1: the server is going away. */
#define CODE_GOING_AWAY 1001
/* An idle connection gives its spare chunks back after this long. */
#define TRIM_AFTER (1000 * H2WS_MS)

/* RFC 9113 section 3.4: what no HTTP/1.1 client says. */
static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
#define PREFACE_LEN (sizeof(preface) - 1)

/* What is kept while the protocol is not known. */
struct sniff {
  size_t seen; /* bytes received, all of them the preface's */
  h2ws_conn_options options;
  char *protocols; /* copy of options.protocols */
};

/*
 * One of h1 and h2 is there: h1 while the protocol is not known, for its
 * deadlines.
 */
struct h2ws_conn {
  struct h2ws__env *env;
  struct h2ws__h2 *h2;
  struct h2ws__h1 *h1;
  struct sniff *sniff; /* NULL once the protocol is known */
  const h2ws_conn_callbacks *callbacks;
  void *user;
  bool free_asked; /* h2ws_conn_free() came from inside */
  bool ended;      /* on_close has been called */
  h2ws_time told;  /* the deadline that on_deadline told of */
  struct h2ws__timer trim_timer;
};

/* ------------------------------------------------------------------------
 * Callbacks of the application
 */

static void conn_call_want_send(h2ws_conn *conn) {
  if (conn->callbacks->on_want_send != NULL) {
    conn->callbacks->on_want_send(conn, conn->user);
  }
}

static void conn_call_deadline(h2ws_conn *conn) {
  if (conn->callbacks->on_deadline != NULL) {
    conn->callbacks->on_deadline(conn, conn->user);
  }
}

/* ------------------------------------------------------------------------
 * Entering and leaving: freeing waits for the outermost call
 */

static void conn_free_sniff(h2ws_conn *conn) {
  struct sniff *sniff = conn->sniff;
  conn->sniff = NULL;
  if (sniff != NULL) {
    h2ws__mem_free(&conn->env->mem, sniff->protocols);
    h2ws__mem_free(&conn->env->mem, sniff);
  }
}

static void conn_destroy(h2ws_conn *conn) {
  struct h2ws__env *env = conn->env;
  h2ws_mem mem = env->mem;
  h2ws__timer_stop(&env->timers, &conn->trim_timer);
  conn_free_sniff(conn);
  h2ws__h2_free(conn->h2);
  h2ws__h1_free(conn->h1);
  h2ws__codec_free(env);
  h2ws__socket_options_forget(env);
  h2ws__deflate_trim(env);
  h2ws__chunk_pool_trim(&env->chunks);
  env->conn = NULL;
  h2ws__env_release(env);
  h2ws__mem_free(&mem, conn);
}

static void conn_enter(h2ws_conn *conn) {
  h2ws__env_enter(conn->env);
}

static void conn_leave(h2ws_conn *conn) {
  h2ws__env_leave(conn->env);
}

static void conn_finish_free(struct h2ws__env *env) {
  h2ws_conn *conn = env->conn;
  env->left = NULL;
  env->depth++;
  if (conn->h2 != NULL) {
    h2ws__h2_abandon(conn->h2);
  } else {
    h2ws__h1_abandon(conn->h1);
  }
  env->depth--;
  conn_destroy(conn);
}

static void conn_each_stream(h2ws_conn *conn,
                             void (*each)(h2ws_stream *stream, void *arg)) {
  if (conn->h2 != NULL) {
    h2ws__h2_each(conn->h2, each, NULL);
  } else {
    h2ws__h1_each(conn->h1, each, NULL);
  }
}

static void cancel_stream(h2ws_stream *stream, void *arg) {
  h2ws_socket *socket = h2ws_stream_socket(stream);
  (void)arg;
  if (socket != NULL) {
    (void)h2ws_socket_abort(socket);
  } else {
    (void)h2ws_stream_reset(stream, H2WS_H2_CANCEL);
  }
}

void h2ws_conn_free(h2ws_conn *conn) {
  if (conn == NULL || conn->free_asked) {
    return;
  }
  conn->free_asked = true;
  if (conn->env->depth == 0) {
    conn_finish_free(conn->env);
  } else {
    conn->env->left = conn_finish_free;
    /* Nobody wants to hear what the call on the stack still has for them. */
    conn_each_stream(conn, cancel_stream);
  }
}

/* ------------------------------------------------------------------------
 * Events of the session
 */

static void event_push(void *owner, h2ws_stream *stream, h2ws_stream *parent) {
  h2ws_conn *conn = owner;
  if (conn->callbacks->size > offsetof(h2ws_conn_callbacks, on_push) &&
      conn->callbacks->on_push != NULL) {
    conn->callbacks->on_push(conn, stream, parent, conn->user);
  } else {
    (void)h2ws_stream_reset(stream, H2WS_H2_CANCEL);
  }
}

static void event_request(void *owner, h2ws_stream *stream) {
  h2ws_conn *conn = owner;
  if (conn->callbacks->on_request != NULL) {
    conn->callbacks->on_request(conn, stream, conn->user);
  } else {
    (void)h2ws_stream_respond(stream, 404, NULL, 0, NULL, 0);
  }
}

static void event_ready(void *owner, bool extended_connect) {
  h2ws_conn *conn = owner;
  if (conn->callbacks->on_ready != NULL) {
    conn->callbacks->on_ready(conn, extended_connect, conn->user);
  }
}

static void event_goaway(void *owner, uint32_t h2_code) {
  h2ws_conn *conn = owner;
  if (conn->callbacks->on_goaway != NULL) {
    conn->callbacks->on_goaway(conn, h2_code, conn->user);
  }
}

static void event_want_send(void *owner) {
  conn_call_want_send(owner);
}

static void event_want_recv(void *owner) {
  h2ws_conn *conn = owner;
  if (conn->callbacks->size > offsetof(h2ws_conn_callbacks, on_want_recv) &&
      conn->callbacks->on_want_recv != NULL) {
    conn->callbacks->on_want_recv(conn, conn->user);
  }
}

static void close_socket(h2ws_stream *stream, void *arg) {
  h2ws_socket *socket = h2ws_stream_socket(stream);
  (void)arg;
  if (socket != NULL) {
    (void)h2ws_socket_close(socket, CODE_GOING_AWAY, "", 0);
  }
}

static void event_drain(void *owner) {
  conn_each_stream(owner, close_socket);
}

static void event_over(void *owner, const h2ws_close_info *info) {
  h2ws_conn *conn = owner;
  conn->ended = true; /* and has no deadline any more */
  h2ws__timer_stop(&conn->env->timers, &conn->trim_timer);
  if (conn->callbacks->on_close != NULL) {
    conn->callbacks->on_close(conn, info, conn->user);
  }
}

static const struct h2ws__session_events events = {
  event_push,      event_request,   event_ready, event_goaway,
  event_want_send, event_want_recv, event_drain, event_over,
};

static void env_trace(struct h2ws__env *env, h2ws_trace_level level,
                      const char *text) {
  h2ws_conn *conn = env->conn;
  if (conn != NULL && conn->callbacks->on_trace != NULL) {
    conn->callbacks->on_trace(conn, level, text, conn->user);
  }
}

/* The earliest deadline moved; told only outside of calls, and once. */
static void env_deadline_moved(struct h2ws__timers *timers) {
  struct h2ws__env *env = H2WS__OWNER(timers, struct h2ws__env, timers);
  h2ws_conn *conn = env->conn;
  h2ws_time next = h2ws__timers_next(timers);
  if (conn != NULL && next < conn->told &&
      (conn->h2 != NULL || conn->h1 != NULL)) {
    conn->told = next;
    conn_call_deadline(conn);
  }
}

/* Memory kept for speed goes back when the connection has fallen silent. */
static void trim_fired(struct h2ws__timer *timer) {
  h2ws_conn *conn = H2WS__OWNER(timer, h2ws_conn, trim_timer);
  h2ws__chunk_pool_trim(&conn->env->chunks);
  h2ws__codec_free(conn->env);
  h2ws__deflate_trim(conn->env);
}

/* ------------------------------------------------------------------------
 * Options
 */

void h2ws_conn_options_default(h2ws_conn_options *options, size_t size) {
  h2ws_conn_options o = {0};
  if (options == NULL) {
    return;
  }
  o.size = size;
  o.enable_connect_protocol = true;
  o.max_streams = 100;
  o.stream_window = 256 * 1024;
  o.max_frame_size = 16384;
  o.max_header_list = 16 * 1024;
  o.max_header_fields = 100;
  o.max_refusal_body = 1024;
  o.max_resets_sent = 200;
  o.max_resets_burst = 1000;
  o.max_resets_rate = 33;
  o.max_glitch_burst = 10000;
  o.max_glitch_rate = 330;
  o.settings_timeout_ms = 10000;
  o.ack_timeout_ms = 10000;
  o.header_timeout_ms = 10000;
  o.open_timeout_ms = 10000;
  o.answer_timeout_ms = 15000;
  o.ping_interval_ms = 20000;
  o.ping_timeout_ms = 20000;
  o.idle_timeout_ms = 60000;
  o.stall_timeout_ms = 30000;
  o.stream_stall_timeout_ms = 60000;
  o.linger_timeout_ms = 2000;
  o.goaway_delay_ms = 1000;
  o.drain_timeout_ms = 30000;
  o.high_water = (size_t)1024 * 1024;
  o.low_water = (size_t)256 * 1024;
  o.max_queue = (size_t)4 * 1024 * 1024;
  o.max_assembly = (size_t)256 * 1024 * 1024;
  o.max_compress_memory = (size_t)4 * 1024 * 1024;
  o.http = H2WS_HTTP_2;
  memcpy(options, &o, size < sizeof(o) ? size : sizeof(o));
}

/* The caller's options, or as many of them as its version knew. */
static int conn_read_options(h2ws_conn_options *out,
                             const h2ws_conn_options *in, bool server) {
  h2ws_conn_options_default(out, sizeof(*out));
  if (in == NULL || in->size < offsetof(h2ws_conn_options, secure)) {
    return H2WS_ERR_INVALID;
  }
  memcpy(out, in, in->size < sizeof(*out) ? in->size : sizeof(*out));
  out->size = sizeof(*out);
  if (out->now == NULL || (!server && out->random == NULL) ||
      out->max_streams == 0 || out->stream_window == 0 ||
      out->stream_window > INT32_MAX || out->conn_window > INT32_MAX ||
      out->max_frame_size < 16384 || out->max_frame_size > 16777215 ||
      out->high_water == 0 || out->low_water >= out->high_water ||
      out->http < H2WS_HTTP_ANY || out->http > H2WS_HTTP_2) {
    return H2WS_ERR_INVALID;
  }
  if (!server && out->http == H2WS_HTTP_ANY) {
    out->http = H2WS_HTTP_2;
  }
  if (out->max_queue < out->high_water) {
    out->max_queue = out->high_water;
  }
  if (out->conn_window > 0 && out->conn_window < 65535) {
    out->conn_window = 65535; /* RFC 9113 section 6.9.2: it cannot shrink */
  }
  return 0;
}

/* ------------------------------------------------------------------------
 * Life
 */

static void conn_set_env(h2ws_conn *conn, const h2ws_conn_options *options) {
  struct h2ws__env *env = conn->env;
  env->now = options->now;
  env->random = options->random;
  env->user = options->env_user;
  env->high_water = options->high_water;
  env->low_water = options->low_water;
  env->max_queue = options->max_queue;
  env->max_assembly = options->max_assembly;
  env->max_compress_memory = options->max_compress_memory;
  env->conn = conn;
  env->timers.moved = env_deadline_moved;
  if (conn->callbacks->on_trace != NULL) {
    env->trace = env_trace;
  }
}

/* Keeps the options for whichever session it is going to be. */
static int conn_keep_options(h2ws_conn *conn, const h2ws_conn_options *o) {
  const h2ws_mem *mem = &conn->env->mem;
  struct sniff *sniff = h2ws__mem_zalloc(mem, sizeof(*sniff));
  conn->sniff = sniff;
  if (sniff == NULL) {
    return H2WS_ERR_NOMEM;
  }
  sniff->options = *o;
  if (o->protocols != NULL) {
    sniff->protocols =
      h2ws__mem_strndup(mem, o->protocols, strlen(o->protocols));
    sniff->options.protocols = sniff->protocols;
  }
  return o->protocols != NULL && sniff->protocols == NULL ? H2WS_ERR_NOMEM : 0;
}

static int conn_make_session(h2ws_conn *conn, const h2ws_conn_options *o,
                             bool server) {
  int rv = 0;
  if (o->http == H2WS_HTTP_2) {
    return h2ws__h2_new(&conn->h2, conn->env, o, server, &events, conn);
  }
  if (o->http == H2WS_HTTP_ANY) {
    rv = conn_keep_options(conn, o);
  }
  if (rv != 0) {
    return rv;
  }
  conn->env->ping_interval_ms = o->ping_interval_ms;
  conn->env->ping_timeout_ms = o->ping_timeout_ms;
  return h2ws__h1_new(&conn->h1, conn->env, o, server, &events, conn);
}

static int conn_new(h2ws_conn **out, const h2ws_conn_options *options,
                    const h2ws_conn_callbacks *callbacks, void *user,
                    bool server) {
  h2ws_conn_options o;
  const h2ws_mem *mem;
  h2ws_conn *conn;
  int rv;
  if (out == NULL || callbacks == NULL) {
    return H2WS_ERR_INVALID;
  }
  *out = NULL;
  rv = conn_read_options(&o, options, server);
  if (rv != 0) {
    return rv;
  }
  mem = o.mem != NULL ? o.mem : h2ws__mem_default();
  conn = h2ws__mem_zalloc(mem, sizeof(*conn));
  if (conn == NULL) {
    return H2WS_ERR_NOMEM;
  }
  conn->callbacks = callbacks;
  conn->user = user;
  conn->told = H2WS_NEVER;
  conn->trim_timer.fire = trim_fired;
  conn->env = h2ws__env_new(mem);
  if (conn->env == NULL) {
    h2ws__mem_free(mem, conn);
    return H2WS_ERR_NOMEM;
  }
  conn_set_env(conn, &o);
  rv = conn_make_session(conn, &o, server);
  if (rv != 0) {
    conn_destroy(conn);
    return rv;
  }
  *out = conn;
  return 0;
}

int h2ws_conn_client_new(h2ws_conn **out, const h2ws_conn_options *options,
                         const h2ws_conn_callbacks *callbacks, void *user) {
  return conn_new(out, options, callbacks, user, /* server = */ false);
}

int h2ws_conn_server_new(h2ws_conn **out, const h2ws_conn_options *options,
                         const h2ws_conn_callbacks *callbacks, void *user) {
  return conn_new(out, options, callbacks, user, /* server = */ true);
}

/* ------------------------------------------------------------------------
 * Bytes and time
 */

/* Keeps the trim timer behind the traffic without arming it each time. */
static void conn_watch_memory(h2ws_conn *conn) {
  struct h2ws__env *env = conn->env;
  if (!conn->ended &&
      (env->chunks.free != NULL || env->codec != NULL ||
       env->deflate != NULL) &&
      !h2ws__timer_is_set(&conn->trim_timer)) {
    h2ws__timer_set(&env->timers, &conn->trim_timer,
                    h2ws__now(env) + TRIM_AFTER);
  }
}

static int session_recv(h2ws_conn *conn, uint8_t *data, size_t len) {
  return conn->h2 != NULL ? h2ws__h2_recv(conn->h2, data, len)
                          : h2ws__h1_recv(conn->h1, data, len);
}

/* The protocol is known; h1 gives way if it is HTTP/2. */
static int conn_decide(h2ws_conn *conn) {
  struct sniff *sniff = conn->sniff;
  int rv = 0;
  if (sniff->seen == PREFACE_LEN) {
    rv = h2ws__h2_new(&conn->h2, conn->env, &sniff->options,
                      /* server = */ true, &events, conn);
    if (rv == 0) {
      h2ws__h1_free(conn->h1);
      conn->h1 = NULL;
      conn->env->ping_interval_ms = 0;
    } else {
      (void)h2ws__h1_recv_eof(conn->h1, rv);
    }
  }
  conn_free_sniff(conn);
  return rv;
}

/* The first bytes: RFC 9113 section 3.3, prior knowledge, or not. */
static int conn_sniff(h2ws_conn *conn, uint8_t *data, size_t len) {
  size_t seen = conn->sniff->seen;
  uint8_t start[PREFACE_LEN];
  size_t n = 0;
  int rv;
  while (n < len && seen < PREFACE_LEN && data[n] == (uint8_t)preface[seen]) {
    n++;
    seen++;
  }
  conn->sniff->seen = seen;
  if (n == len && seen < PREFACE_LEN) {
    return 0;
  }
  memcpy(start, preface, seen);
  rv = conn_decide(conn);
  if (rv == 0 && seen > 0) {
    rv = session_recv(conn, start, seen);
  }
  if (rv == 0 && n < len) {
    rv = session_recv(conn, data + n, len - n);
  }
  return rv;
}

int h2ws_conn_recv(h2ws_conn *conn, uint8_t *data, size_t len) {
  int rv;
  if (conn == NULL || (data == NULL && len > 0)) {
    return H2WS_ERR_INVALID;
  }
  if (conn->env->depth > 0) {
    return H2WS_ERR_STATE;
  }
  conn_enter(conn);
  if (conn->env->inflate_left > 0) { /* else it is the next tick's turn */
    conn->env->inflate_left = H2WS__INFLATE_TURN;
  }
  rv = conn->sniff != NULL ? conn_sniff(conn, data, len)
                           : session_recv(conn, data, len);
  conn_watch_memory(conn);
  conn_leave(conn);
  return rv;
}

int h2ws_conn_recv_eof(h2ws_conn *conn, int error) {
  int rv;
  if (conn == NULL || error > 0) {
    return H2WS_ERR_INVALID;
  }
  if (conn->env->depth > 0) {
    return H2WS_ERR_STATE;
  }
  conn_enter(conn);
  rv = conn->h2 != NULL ? h2ws__h2_recv_eof(conn->h2, error)
                        : h2ws__h1_recv_eof(conn->h1, error);
  conn_leave(conn);
  return rv;
}

h2ws_ssize h2ws_conn_send(h2ws_conn *conn, uint8_t *buf, size_t cap) {
  h2ws_ssize n;
  if (conn == NULL) {
    return H2WS_ERR_INVALID;
  }
  if (conn->env->depth > 0) {
    return H2WS_ERR_STATE;
  }
  conn_enter(conn);
  n = conn->h2 != NULL ? h2ws__h2_send(conn->h2, buf, cap)
                       : h2ws__h1_send(conn->h1, buf, cap);
  conn_watch_memory(conn);
  conn_leave(conn);
  return n;
}

int h2ws_conn_tick(h2ws_conn *conn) {
  int rv;
  if (conn == NULL) {
    return H2WS_ERR_INVALID;
  }
  if (conn->env->depth > 0) {
    return H2WS_ERR_STATE;
  }
  conn_enter(conn);
  conn->told = H2WS_NEVER;
  conn->env->inflate_left = H2WS__INFLATE_TURN;
  rv = conn->h2 != NULL ? h2ws__h2_tick(conn->h2) : h2ws__h1_tick(conn->h1);
  conn_leave(conn);
  return rv;
}

h2ws_time h2ws_conn_deadline(const h2ws_conn *conn) {
  return conn == NULL ? H2WS_NEVER : h2ws__timers_next(&conn->env->timers);
}

bool h2ws_conn_wants_send(const h2ws_conn *conn) {
  if (conn == NULL) {
    return false;
  }
  return conn->h2 != NULL ? h2ws__h2_wants_send(conn->h2)
                          : h2ws__h1_wants_send(conn->h1);
}

bool h2ws_conn_wants_recv(const h2ws_conn *conn) {
  return conn != NULL && (conn->h2 != NULL || h2ws__h1_wants_recv(conn->h1));
}

bool h2ws_conn_finished(const h2ws_conn *conn) {
  if (conn == NULL) {
    return true;
  }
  return conn->h2 != NULL ? h2ws__h2_finished(conn->h2)
                          : h2ws__h1_finished(conn->h1);
}

/* ------------------------------------------------------------------------
 * Ending
 */

int h2ws_conn_drain(h2ws_conn *conn) {
  int rv;
  if (conn == NULL) {
    return H2WS_ERR_INVALID;
  }
  conn_enter(conn);
  rv = conn->h2 != NULL ? h2ws__h2_drain(conn->h2) : h2ws__h1_drain(conn->h1);
  conn_leave(conn);
  return rv;
}

int h2ws_conn_shutdown(h2ws_conn *conn, uint32_t h2_code) {
  int rv;
  if (conn == NULL) {
    return H2WS_ERR_INVALID;
  }
  conn_enter(conn);
  rv = conn->h2 != NULL ? h2ws__h2_shutdown(conn->h2, h2_code)
                        : h2ws__h1_shutdown(conn->h1);
  conn_leave(conn);
  return rv;
}

/* ------------------------------------------------------------------------
 * Streams and getters
 */

int h2ws_stream_open(h2ws_conn *conn, h2ws_stream **out,
                     const h2ws_request *request,
                     const h2ws_stream_callbacks *callbacks, void *user) {
  int rv;
  if (conn == NULL || out == NULL || request == NULL) {
    return H2WS_ERR_INVALID;
  }
  conn_enter(conn);
  rv = conn->h2 != NULL
         ? h2ws__h2_open(conn->h2, out, request, callbacks, user)
         : h2ws__h1_open(conn->h1, out, request, callbacks, user);
  conn_leave(conn);
  return rv;
}

h2ws_http h2ws_conn_http(const h2ws_conn *conn) {
  if (conn == NULL || conn->sniff != NULL) {
    return H2WS_HTTP_ANY;
  }
  return conn->h2 != NULL ? H2WS_HTTP_2 : H2WS_HTTP_1_1;
}

bool h2ws_conn_is_ready(const h2ws_conn *conn) {
  return conn != NULL &&
         (conn->h2 != NULL ? h2ws__h2_is_ready(conn->h2) : conn->sniff == NULL);
}

bool h2ws_conn_has_extended_connect(const h2ws_conn *conn) {
  return conn != NULL && conn->h2 != NULL &&
         h2ws__h2_has_extended_connect(conn->h2);
}

bool h2ws_conn_can_open(const h2ws_conn *conn) {
  if (conn == NULL) {
    return false;
  }
  return conn->h2 != NULL ? h2ws__h2_can_open(conn->h2)
                          : h2ws__h1_can_open(conn->h1);
}

size_t h2ws_conn_streams(const h2ws_conn *conn) {
  if (conn == NULL) {
    return 0;
  }
  return conn->h2 != NULL ? h2ws__h2_streams(conn->h2)
                          : h2ws__h1_streams(conn->h1);
}

size_t h2ws_conn_room(const h2ws_conn *conn) {
  if (conn != NULL && conn->h2 != NULL) {
    return h2ws__h2_room(conn->h2);
  }
  return h2ws_conn_can_open(conn) ? 1 : 0; /* one exchange at a time */
}

int h2ws_conn_set_idle_timeout(h2ws_conn *conn, uint32_t ms) {
  if (conn == NULL) {
    return H2WS_ERR_INVALID;
  }
  conn_enter(conn);
  if (conn->sniff != NULL) {
    conn->sniff->options.idle_timeout_ms = ms;
  }
  if (conn->h2 != NULL) {
    h2ws__h2_set_idle_timeout(conn->h2, ms);
  } else {
    h2ws__h1_set_idle_timeout(conn->h1, ms);
  }
  conn_leave(conn);
  return 0;
}

h2ws_stream *h2ws_conn_stream(const h2ws_conn *conn, int64_t id) {
  if (conn == NULL) {
    return NULL;
  }
  return conn->h2 != NULL ? h2ws__h2_stream(conn->h2, id)
                          : h2ws__h1_stream(conn->h1, id);
}

void *h2ws_conn_user(const h2ws_conn *conn) {
  return conn == NULL ? NULL : conn->user;
}

void h2ws_conn_set_user(h2ws_conn *conn, void *user) {
  if (conn != NULL) {
    conn->user = user;
  }
}

int h2ws_conn_get_stats(const h2ws_conn *conn, h2ws_conn_stats *stats) {
  size_t size;
  if (conn == NULL || stats == NULL || stats->size == 0) {
    return H2WS_ERR_INVALID;
  }
  size = stats->size;
  memcpy(stats, &conn->env->stats,
         size < sizeof(*stats) ? size : sizeof(*stats));
  stats->size = size;
  return 0;
}

struct h2ws__env *h2ws__conn_env(h2ws_conn *conn) {
  return conn->env;
}
