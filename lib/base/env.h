/*
 * What everything on one connection shares: memory, clock, randomness,
 * timers, chunk pool, trace, limits of queues, counters.
 */
#ifndef H2WS_BASE_ENV_H
#define H2WS_BASE_ENV_H

#include "lib/base/bufq.h"
#include "lib/base/timer.h"

struct h2ws__shared_options; /* ws/socket.h; as the sockets last had them */
struct h2ws__codec; /* ws/frame.h; one per connection, made when needed */
struct h2ws__deflate_pool; /* ws/deflate.h; the same */

struct h2ws__env {
  h2ws_mem mem;
  h2ws_time (*now)(void *user);
  int (*random)(uint8_t *buf, size_t len, void *user);
  void *user;

  struct h2ws__timers timers;
  struct h2ws__chunk_pool chunks;
  struct h2ws__codec *codec;
  struct h2ws__shared_options *options;
  struct h2ws__deflate_pool *deflate;

  /*
   * Bytes that may still be inflated before it is somebody else's turn: what
   * costs the peer a kilobyte may inflate to a megabyte.
   */
  size_t inflate_left;
  size_t high_water;
  size_t low_water;
  size_t max_queue;
  size_t queued; /* bytes to be sent, of all streams */
  size_t max_assembly;
  size_t assembled; /* bytes of unfinished messages, of all sockets */
  size_t max_compress_memory;

  /*
   * Keepalive of sockets that ask for none: what carries them has no PING of
   * its own (HTTP/1.1). 0: it has.
   */
  uint32_t ping_interval_ms;
  uint32_t ping_timeout_ms;

  h2ws_conn_stats stats;

  /* NULL: no trace. `text` is one line. */
  void (*trace)(struct h2ws__env *env, h2ws_trace_level level,
                const char *text);
  h2ws_conn *conn; /* NULL once the connection is freed */
  unsigned depth;  /* calls of the application that are on the stack */
  void (*left)(struct h2ws__env *env); /* they have returned; may be NULL */
  size_t refs;
};

/* Bytes inflated in one h2ws_conn_recv() or h2ws_conn_tick(). */
#define H2WS__INFLATE_TURN ((size_t)1024 * 1024)

/* A zeroed env with this allocator and one reference; NULL: no memory. */
struct h2ws__env *h2ws__env_new(const h2ws_mem *mem);

/*
 * The connection holds a reference, and each stream and socket that outlives
 * it does, for the allocator that frees them.
 */
struct h2ws__env *h2ws__env_retain(struct h2ws__env *env);
void h2ws__env_release(struct h2ws__env *env);

static inline h2ws_time h2ws__now(const struct h2ws__env *env) {
  return env->now(env->user);
}

void h2ws__env_enter(struct h2ws__env *env);
/* Freeing the connection waits for the outermost. */
void h2ws__env_leave(struct h2ws__env *env);

static inline void h2ws__env_leave_scope(struct h2ws__env **env) {
  h2ws__env_leave(*env);
}

/*
 * In a public function that may run callbacks: it is entered, until it returns.
 * What its arguments point to stays until then.
 */
#define h2ws__env_enter_scope(env)                                             \
  struct h2ws__env *entered_ __attribute__((cleanup(h2ws__env_leave_scope))) = \
    (env);                                                                     \
  h2ws__env_enter(entered_)

/* Formats and passes on one line of trace, for h2ws__trace(). */
void h2ws__trace_line(struct h2ws__env *env, h2ws_trace_level level,
                      const char *format, ...)
  __attribute__((format(printf, 3, 4)));

/* Nothing, not even its arguments, if nobody listens. */
#define h2ws__trace(env, ...)                                                  \
  ((env)->trace == NULL ? (void)0 : h2ws__trace_line((env), __VA_ARGS__))

#endif
