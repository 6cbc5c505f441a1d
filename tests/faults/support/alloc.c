#include "tests/faults/support/alloc.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/http.h>
#include <execinfo.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUCKETS 4096
#define TRACE_MAX 20

struct block {
  struct block *next;
  const void *ptr;
  void *caller;
  size_t number; /* since alloc_arm() */
};

static struct {
  pthread_mutex_t mutex;
  struct block *buckets[BUCKETS];
  size_t live;
  size_t asked;
  size_t fail_at;
  bool armed;
  bool and_after;
  bool failed;
  void *trace[TRACE_MAX]; /* to the first that failed */
  int trace_len;
} state = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* ------------------------------------------------------------------------
 * Counting
 */

void alloc_arm(size_t at, bool and_after) {
  (void)pthread_mutex_lock(&state.mutex);
  state.asked = 0;
  state.fail_at = at;
  state.and_after = and_after;
  state.failed = false;
  state.armed = true;
  (void)pthread_mutex_unlock(&state.mutex);
}

size_t alloc_disarm(void) {
  size_t asked;
  (void)pthread_mutex_lock(&state.mutex);
  state.armed = false;
  asked = state.asked;
  (void)pthread_mutex_unlock(&state.mutex);
  return asked;
}

bool alloc_failed(void) {
  bool failed;
  (void)pthread_mutex_lock(&state.mutex);
  failed = state.failed;
  (void)pthread_mutex_unlock(&state.mutex);
  return failed;
}

size_t alloc_live(void) {
  size_t live;
  (void)pthread_mutex_lock(&state.mutex);
  live = state.live;
  (void)pthread_mutex_unlock(&state.mutex);
  return live;
}

void alloc_explain(void) {
  size_t i;
  (void)pthread_mutex_lock(&state.mutex);
  for (i = 0; i < BUCKETS; i++) {
    const struct block *block;
    for (block = state.buckets[i]; block != NULL; block = block->next) {
      void *caller = block->caller;
      (void)fprintf(stderr, "not freed: allocation %zu, by\n", block->number);
      backtrace_symbols_fd(&caller, 1, STDERR_FILENO);
    }
  }
  (void)fprintf(stderr, "failed:\n");
  backtrace_symbols_fd(state.trace, state.trace_len, STDERR_FILENO);
  (void)pthread_mutex_unlock(&state.mutex);
}

/* True if this one fails. */
static bool fails(void) {
  bool fail = false;
  (void)pthread_mutex_lock(&state.mutex);
  if (state.armed) {
    state.asked++;
    fail =
      state.fail_at != 0 && (state.and_after ? state.asked >= state.fail_at
                                             : state.asked == state.fail_at);
    if (fail && !state.failed) {
      state.trace_len = backtrace(state.trace, TRACE_MAX);
    }
    state.failed = state.failed || fail;
  }
  (void)pthread_mutex_unlock(&state.mutex);
  return fail;
}

static struct block **bucket_of(const void *ptr) {
  return &state.buckets[((uintptr_t)ptr >> 4) % BUCKETS];
}

static void *enter(void *ptr, void *caller) {
  struct block *block = ptr == NULL ? NULL : malloc(sizeof(*block));
  struct block **bucket = bucket_of(ptr);
  if (block == NULL) {
    return ptr;
  }
  block->ptr = ptr;
  block->caller = caller;
  (void)pthread_mutex_lock(&state.mutex);
  block->number = state.asked;
  block->next = *bucket;
  *bucket = block;
  state.live++;
  (void)pthread_mutex_unlock(&state.mutex);
  return ptr;
}

/* Blocks that libc or libevent made for us are not in the list. */
static void leave(const void *ptr) {
  struct block **at = bucket_of(ptr);
  struct block *block;
  (void)pthread_mutex_lock(&state.mutex);
  while (*at != NULL && (*at)->ptr != ptr) {
    at = &(*at)->next;
  }
  block = *at;
  if (block != NULL) {
    *at = block->next;
    state.live--;
  }
  (void)pthread_mutex_unlock(&state.mutex);
  free(block);
}

#define CALLER __builtin_return_address(0)

/* ------------------------------------------------------------------------
 * Memory
 */

void *alloc_malloc(size_t size);
void *alloc_calloc(size_t len, size_t size);
void *alloc_realloc(void *ptr, size_t size);
void alloc_free(void *ptr);
char *alloc_strdup(const char *text);
int alloc_asprintf(char **out, const char *format, ...)
  __attribute__((format(printf, 2, 3)));
int alloc_asprintf_chk(char **out, int flag, const char *format, ...)
  __attribute__((format(printf, 3, 4)));

void *alloc_malloc(size_t size) {
  return fails() ? NULL : enter(malloc(size), CALLER);
}

void *alloc_calloc(size_t len, size_t size) {
  return fails() ? NULL : enter(calloc(len, size), CALLER);
}

void *alloc_realloc(void *ptr, size_t size) {
  if (fails()) {
    return NULL;
  }
  if (ptr != NULL) {
    leave(ptr);
  }
  return enter(realloc(ptr, size), CALLER);
}

void alloc_free(void *ptr) {
  if (ptr != NULL) {
    leave(ptr);
    free(ptr);
  }
}

char *alloc_strdup(const char *text) {
  return fails() ? NULL : enter(strdup(text), CALLER);
}

static int print(char **out, const char *format, va_list args, void *caller) {
  int n = fails() ? -1 : vasprintf(out, format, args);
  if (n >= 0) {
    (void)enter(*out, caller);
  }
  return n;
}

int alloc_asprintf(char **out, const char *format, ...) {
  va_list args;
  int n;
  va_start(args, format);
  n = print(out, format, args, CALLER);
  va_end(args);
  return n;
}

int alloc_asprintf_chk(char **out, int flag, const char *format, ...) {
  va_list args;
  int n;
  (void)flag;
  va_start(args, format);
  n = print(out, format, args, CALLER);
  va_end(args);
  return n;
}

/* ------------------------------------------------------------------------
 * What others make
 */

FILE *alloc_open_memstream(char **out, size_t *len);
int alloc_getaddrinfo(const char *host, const char *port,
                      const struct addrinfo *hints, struct addrinfo **list);
int alloc_pthread_create(pthread_t *out, const pthread_attr_t *attr,
                         void *(*fn)(void *), void *arg);
struct event_base *alloc_event_base_new(void);
struct event *alloc_event_new(struct event_base *base, evutil_socket_t fd,
                              short what, event_callback_fn fn, void *arg);
void alloc_event_free(struct event *event);
SSL *alloc_SSL_new(SSL_CTX *ctx);
SSL_CTX *alloc_SSL_CTX_new(const SSL_METHOD *method);
BIO *alloc_BIO_new(const BIO_METHOD *method);
char *alloc_evhttp_uridecode(const char *text, int plus, size_t *len);

FILE *alloc_open_memstream(char **out, size_t *len) {
  return fails() ? NULL : open_memstream(out, len);
}

int alloc_getaddrinfo(const char *host, const char *port,
                      const struct addrinfo *hints, struct addrinfo **list) {
  return fails() ? EAI_MEMORY : getaddrinfo(host, port, hints, list);
}

int alloc_pthread_create(pthread_t *out, const pthread_attr_t *attr,
                         void *(*fn)(void *), void *arg) {
  return fails() ? EAGAIN : pthread_create(out, attr, fn, arg);
}

struct event_base *alloc_event_base_new(void) {
  return fails() ? NULL : event_base_new();
}

struct event *alloc_event_new(struct event_base *base, evutil_socket_t fd,
                              short what, event_callback_fn fn, void *arg) {
  return fails() ? NULL : enter(event_new(base, fd, what, fn, arg), CALLER);
}

void alloc_event_free(struct event *event) {
  leave(event);
  event_free(event);
}

SSL *alloc_SSL_new(SSL_CTX *ctx) {
  return fails() ? NULL : SSL_new(ctx);
}

SSL_CTX *alloc_SSL_CTX_new(const SSL_METHOD *method) {
  return fails() ? NULL : SSL_CTX_new(method);
}

BIO *alloc_BIO_new(const BIO_METHOD *method) {
  return fails() ? NULL : BIO_new(method);
}

char *alloc_evhttp_uridecode(const char *text, int plus, size_t *len) {
  return fails() ? NULL : evhttp_uridecode(text, plus, len);
}
