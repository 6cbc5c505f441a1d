#include "lib/easy/handle.h"

#include <assert.h>
#include <stdlib.h>

/*
 * A name, from its low bit up: 1 (no address of an object is odd), the slot,
 * the generation of the slot (from 1).
 */
#define SLOT_SHIFT 1
#define SLOT_BITS (sizeof(uintptr_t) > 4 ? 20 : 14)
#define CHUNK ((size_t)256)
#define CHUNKS ((size_t)4096)
#define CANCELS_MAX 255

struct slot {
  struct h2ws__handle *handle; /* NULL: free; under the table's mutex */
  struct slot *next_free;
  size_t index;
  atomic_uintptr_t generation; /* odd while in use */
  /* Generation * 256 + how often that one was cancelled. */
  atomic_uint_least64_t cancels;
  atomic_bool is_server;
};

/* Chunks are never freed, so that no lock is needed to look at a slot. */
static struct {
  pthread_mutex_t mutex;
  struct slot *free;
  size_t len;
  _Atomic(struct slot *) chunks[CHUNKS];
} table = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* ------------------------------------------------------------------------
 * Names
 */

static size_t max_slots(void) {
  size_t by_name = (size_t)1 << SLOT_BITS;
  return by_name < CHUNK * CHUNKS ? by_name : CHUNK * CHUNKS;
}

static h2ws *make_name(size_t index, uintptr_t generation) {
  uintptr_t bits = (generation << (SLOT_BITS + SLOT_SHIFT)) |
                   ((uintptr_t)index << SLOT_SHIFT) | 1;
  /* NOLINTNEXTLINE(performance-no-int-to-ptr): it is never followed */
  return (h2ws *)bits;
}

static uintptr_t name_generation(const h2ws *name) {
  return (uintptr_t)name >> (SLOT_BITS + SLOT_SHIFT);
}

/* Async-signal-safe. */
static struct slot *slot_at(size_t index) {
  struct slot *chunk =
    index < CHUNK * CHUNKS ? atomic_load(&table.chunks[index / CHUNK]) : NULL;
  return chunk == NULL ? NULL : &chunk[index % CHUNK];
}

/* NULL if this cannot be a name. Async-signal-safe. */
static struct slot *name_slot(const h2ws *name) {
  uintptr_t bits = (uintptr_t)name;
  return (bits & 1) == 0
           ? NULL
           : slot_at((bits >> SLOT_SHIFT) & (((size_t)1 << SLOT_BITS) - 1));
}

static bool table_grow(void) {
  struct slot *chunk;
  size_t i;
  if (table.len >= max_slots()) {
    return false;
  }
  chunk = calloc(CHUNK, sizeof(*chunk));
  if (chunk == NULL) {
    return false;
  }
  for (i = CHUNK; i > 0; i--) {
    chunk[i - 1].index = table.len + i - 1;
    chunk[i - 1].next_free = table.free;
    table.free = &chunk[i - 1];
  }
  atomic_store(&table.chunks[table.len / CHUNK], chunk);
  table.len += CHUNK;
  return true;
}

int h2ws__handle_publish(struct h2ws__handle *handle) {
  struct slot *slot;
  uintptr_t generation;
  (void)pthread_mutex_lock(&table.mutex);
  if (table.free == NULL && !table_grow()) {
    (void)pthread_mutex_unlock(&table.mutex);
    return H2WS_ERR_NOMEM;
  }
  slot = table.free;
  table.free = slot->next_free;
  generation = atomic_load(&slot->generation) + 1;
  slot->handle = h2ws__handle_retain(handle);
  handle->name = make_name(slot->index, generation);
  atomic_store(&slot->is_server, handle->kind == H2WS__SERVER);
  atomic_store(&slot->cancels, (uint64_t)name_generation(handle->name) << 8);
  atomic_store(&slot->generation, generation);
  (void)pthread_mutex_unlock(&table.mutex);
  return 0;
}

bool h2ws__handle_withdraw(h2ws *name) {
  struct slot *slot = name_slot(name);
  struct h2ws__handle *handle = NULL;
  if (slot == NULL) {
    return false;
  }
  (void)pthread_mutex_lock(&table.mutex);
  if (slot->handle != NULL && slot->handle->name == name) {
    handle = slot->handle;
    slot->handle = NULL;
    atomic_store(&slot->is_server, false);
    atomic_fetch_add(&slot->generation, 1);
    slot->next_free = table.free;
    table.free = slot;
  }
  (void)pthread_mutex_unlock(&table.mutex);
  if (handle == NULL) {
    return false;
  }
  h2ws__handle_release(handle);
  return true;
}

struct h2ws__handle *h2ws__handle_find(const h2ws *name, int *error) {
  struct slot *slot = name_slot(name);
  struct h2ws__handle *handle = NULL;
  *error = H2WS_ERR_INVALID;
  if (slot == NULL) {
    return NULL;
  }
  if (h2ws__engine_forked()) {
    *error = H2WS_ERR_STATE;
    return NULL;
  }
  (void)pthread_mutex_lock(&table.mutex);
  if (slot->handle != NULL && slot->handle->name == name) {
    handle = h2ws__handle_retain(slot->handle);
    *error = 0;
  } else if (name_generation(name) % 2 == 1 &&
             name_generation(name) < atomic_load(&slot->generation)) {
    *error = H2WS_ERR_CLOSED;
  }
  (void)pthread_mutex_unlock(&table.mutex);
  return handle;
}

/* ------------------------------------------------------------------------
 * Cancelling
 */

static bool slot_cancel(struct slot *slot, uint64_t generation) {
  uint64_t old = atomic_load(&slot->cancels);
  do {
    if (old >> 8 != generation || (old & CANCELS_MAX) == CANCELS_MAX) {
      return old >> 8 == generation;
    }
  } while (!atomic_compare_exchange_weak(&slot->cancels, &old, old + 1));
  return true;
}

bool h2ws__handle_cancel(const h2ws *name) {
  struct slot *slot = name_slot(name);
  uintptr_t generation = name_generation(name);
  if (slot == NULL || h2ws__engine_forked() ||
      atomic_load(&slot->generation) != generation ||
      !slot_cancel(slot, generation)) {
    return false;
  }
  h2ws__engine_cancelled();
  return true;
}

void h2ws__handle_cancel_servers(void) {
  struct slot *slot;
  bool any = false;
  size_t i;
  for (i = 0; !h2ws__engine_forked() && (slot = slot_at(i)) != NULL; i++) {
    if (atomic_load(&slot->is_server)) {
      any = slot_cancel(slot, atomic_load(&slot->generation)) || any;
    }
  }
  if (any) {
    h2ws__engine_cancelled();
  }
}

unsigned h2ws__handle_cancels(const struct h2ws__handle *handle) {
  const struct slot *slot =
    handle->name == NULL ? NULL : name_slot(handle->name);
  uint64_t cancels = slot == NULL ? 0 : atomic_load(&slot->cancels);
  unsigned over = h2ws__engine_over() ? 1 : 0;
  return cancels >> 8 == name_generation(handle->name)
           ? (unsigned)(cancels & CANCELS_MAX) + over
           : over;
}

static void wake_handles(bool all) {
  size_t i;
  (void)pthread_mutex_lock(&table.mutex);
  for (i = 0; i < table.len; i++) {
    struct h2ws__handle *handle = slot_at(i)->handle;
    if (handle == NULL || (!all && h2ws__handle_cancels(handle) == 0)) {
      continue;
    }
    (void)pthread_mutex_lock(&handle->mutex);
    h2ws__handle_changed(handle);
    (void)pthread_mutex_unlock(&handle->mutex);
    if (handle->kind == H2WS__SERVER && !all) {
      h2ws__handle_kick(handle); /* nobody may be waiting for it */
    }
  }
  (void)pthread_mutex_unlock(&table.mutex);
}

void h2ws__handles_wake_cancelled(void) {
  wake_handles(/* all = */ false);
}

void h2ws__handles_wake_all(void) {
  wake_handles(/* all = */ true);
}

/* ------------------------------------------------------------------------
 * What is behind them
 */

int h2ws__handle_init(struct h2ws__handle *handle, enum h2ws__handle_kind kind,
                      void (*run)(struct h2ws__task *task),
                      void (*destroy)(struct h2ws__handle *handle)) {
  pthread_condattr_t monotonic;
  if (pthread_condattr_init(&monotonic) != 0) {
    return H2WS_ERR_NOMEM;
  }
  (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  if (pthread_cond_init(&handle->changed, &monotonic) != 0) {
    (void)pthread_condattr_destroy(&monotonic);
    return H2WS_ERR_NOMEM;
  }
  (void)pthread_condattr_destroy(&monotonic);
  (void)pthread_mutex_init(&handle->mutex, NULL);
  handle->kind = kind;
  handle->task.run = run;
  handle->destroy = destroy;
  atomic_store(&handle->refs, 1);
  return 0;
}

void *h2ws__handle_retain(struct h2ws__handle *handle) {
  atomic_fetch_add(&handle->refs, 1);
  return handle;
}

void h2ws__handle_release(struct h2ws__handle *handle) {
  unsigned before = atomic_fetch_sub(&handle->refs, 1);
  assert(before > 0);
  if (before == 1) {
    (void)pthread_cond_destroy(&handle->changed);
    (void)pthread_mutex_destroy(&handle->mutex);
    handle->destroy(handle);
  }
}

void h2ws__handle_kick(struct h2ws__handle *handle) {
  (void)h2ws__handle_retain(handle);
  if (!h2ws__engine_kick(&handle->task)) {
    h2ws__handle_release(handle);
  }
}

void h2ws__handle_changed(struct h2ws__handle *handle) {
  if (handle->waiting > 0) {
    (void)pthread_cond_broadcast(&handle->changed);
  }
}

bool h2ws__handle_wait(struct h2ws__handle *handle,
                       const struct timespec *until) {
  int rv;
  handle->waiting++;
  rv = until == NULL
         ? pthread_cond_wait(&handle->changed, &handle->mutex)
         : pthread_cond_timedwait(&handle->changed, &handle->mutex, until);
  handle->waiting--;
  return rv == 0;
}

const struct timespec *h2ws__time_after(int64_t ms, struct timespec *buf) {
  if (ms < 0) {
    return NULL;
  }
  (void)clock_gettime(CLOCK_MONOTONIC, buf);
  buf->tv_sec += (time_t)(ms / 1000);
  buf->tv_nsec += (long)(ms % 1000) * 1000000;
  if (buf->tv_nsec >= 1000000000) {
    buf->tv_nsec -= 1000000000;
    buf->tv_sec++;
  }
  return buf;
}
