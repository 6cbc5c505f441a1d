#include "lib/io/loop.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/io/link.h"
#include "lib/io/mailbox.h"

/* An id: slot generation, slot, stream id. */
#define ID_STREAM_BITS 31
#define ID_SLOT_BITS 17
#define SLOTS_MAX ((size_t)1 << ID_SLOT_BITS)
#define GENERATION_MASK 0xffffu

h2ws_time h2ws__io_now(void *user) {
  struct timespec ts;
  (void)user;
  (void)clock_gettime(CLOCK_MONOTONIC, &ts);
  return (h2ws_time)ts.tv_sec * 1000 * H2WS_MS + (h2ws_time)ts.tv_nsec;
}

int h2ws__io_random(uint8_t *buf, size_t len, void *user) {
  (void)user;
  return RAND_bytes(buf, (int)len) == 1 ? 0 : -1;
}

/* ------------------------------------------------------------------------
 * One flush a turn
 */

static void bury_all(h2ws_loop *loop) {
  while (loop->graves != NULL) {
    struct h2ws__grave *grave = loop->graves;
    loop->graves = grave->next;
    grave->bury(grave);
  }
}

void h2ws__loop_bury(h2ws_loop *loop, struct h2ws__grave *grave,
                     void (*bury)(struct h2ws__grave *grave)) {
  grave->bury = bury;
  grave->next = loop->graves;
  loop->graves = grave;
  event_active(loop->flush_event, EV_TIMEOUT, 0);
}

static void on_flush(evutil_socket_t fd, short what, void *arg) {
  h2ws_loop *loop = arg;
  (void)fd;
  (void)what;
  while (loop->dirty != NULL) {
    struct h2ws__link *link = loop->dirty;
    h2ws__loop_unmark(loop, link);
    h2ws__link_flush(link);
  }
  bury_all(loop);
}

void h2ws__loop_mark_dirty(h2ws_loop *loop, struct h2ws__link *link) {
  if (link->dirty_pprev != NULL) {
    return;
  }
  if (loop->dirty == NULL) {
    /* Runs behind the events that are active in this turn. */
    event_active(loop->flush_event, EV_TIMEOUT, 0);
  }
  link->dirty_next = loop->dirty;
  if (link->dirty_next != NULL) {
    link->dirty_next->dirty_pprev = &link->dirty_next;
  }
  link->dirty_pprev = &loop->dirty;
  loop->dirty = link;
}

void h2ws__loop_unmark(h2ws_loop *loop, struct h2ws__link *link) {
  (void)loop;
  if (link->dirty_pprev == NULL) {
    return;
  }
  *link->dirty_pprev = link->dirty_next;
  if (link->dirty_next != NULL) {
    link->dirty_next->dirty_pprev = link->dirty_pprev;
  }
  link->dirty_next = NULL;
  link->dirty_pprev = NULL;
}

/* ------------------------------------------------------------------------
 * Life
 */

static void on_mail(evutil_socket_t fd, short what, void *arg) {
  h2ws_loop *loop = arg;
  (void)fd;
  (void)what;
  h2ws__mailbox_run(loop->mailbox);
}

static int loop_buffers(h2ws_loop *loop) {
  loop->in = malloc(H2WS__IO_READ_CAP);
  loop->plain = malloc(H2WS__IO_READ_CAP);
  loop->out = malloc(H2WS__IO_WRITE_CAP);
  loop->cipher = malloc(H2WS__IO_CIPHER_CAP);
  return loop->in == NULL || loop->plain == NULL || loop->out == NULL ||
             loop->cipher == NULL
           ? H2WS_ERR_NOMEM
           : 0;
}

static int loop_events(h2ws_loop *loop) {
  if (loop->own_base) {
    loop->base = event_base_new();
  }
  if (loop->base == NULL) {
    return H2WS_ERR_NOMEM;
  }
  loop->mailbox = h2ws__mailbox_new();
  if (loop->mailbox == NULL) {
    return H2WS_ERR_IO;
  }
  loop->mail_event = event_new(loop->base, h2ws__mailbox_fd(loop->mailbox),
                               EV_READ | EV_PERSIST, on_mail, loop);
  loop->flush_event = event_new(loop->base, -1, 0, on_flush, loop);
  if (loop->mail_event == NULL || loop->flush_event == NULL ||
      event_add(loop->mail_event, NULL) != 0) {
    return H2WS_ERR_NOMEM;
  }
  return 0;
}

int h2ws_loop_new(h2ws_loop **out, struct event_base *base) {
  h2ws_loop *loop;
  int rv;
  if (out == NULL) {
    return H2WS_ERR_INVALID;
  }
  *out = NULL;
  loop = calloc(1, sizeof(*loop));
  if (loop == NULL) {
    return H2WS_ERR_NOMEM;
  }
  loop->base = base;
  loop->own_base = base == NULL;
  rv = loop_buffers(loop);
  if (rv == 0) {
    rv = loop_events(loop);
  }
  if (rv != 0) {
    h2ws_loop_free(loop);
    return rv;
  }
  *out = loop;
  return 0;
}

void h2ws_loop_free(h2ws_loop *loop) {
  if (loop == NULL) {
    return;
  }
  if (loop->mailbox != NULL) {
    h2ws__mailbox_close(loop->mailbox);
  }
  bury_all(loop);
  if (loop->mail_event != NULL) {
    event_free(loop->mail_event);
  }
  if (loop->flush_event != NULL) {
    event_free(loop->flush_event);
  }
  if (loop->mailbox != NULL) {
    h2ws__mailbox_release(loop->mailbox);
  }
  if (loop->own_base && loop->base != NULL) {
    event_base_free(loop->base);
  }
  free(loop->slots);
  free(loop->generations);
  free(loop->in);
  free(loop->plain);
  free(loop->out);
  free(loop->cipher);
  free(loop);
}

int h2ws_loop_run(h2ws_loop *loop) {
  if (loop == NULL) {
    return H2WS_ERR_INVALID;
  }
  return event_base_dispatch(loop->base) < 0 ? H2WS_ERR_IO : 0;
}

static void stop_here(void *arg) {
  h2ws_loop *loop = arg;
  (void)event_base_loopbreak(loop->base);
}

int h2ws_loop_stop(h2ws_loop *loop) {
  return h2ws_loop_post(loop, stop_here, loop);
}

struct event_base *h2ws_loop_base(h2ws_loop *loop) {
  return loop == NULL ? NULL : loop->base;
}

int h2ws_loop_post(h2ws_loop *loop, void (*fn)(void *arg), void *arg) {
  if (loop == NULL || fn == NULL) {
    return H2WS_ERR_INVALID;
  }
  return h2ws__mailbox_post(loop->mailbox, fn, arg);
}

/* ------------------------------------------------------------------------
 * Ids
 */

static size_t find_free_slot(const h2ws_loop *loop) {
  size_t i;
  for (i = 0; i < loop->slots_len; i++) {
    if (loop->slots[i] == NULL) {
      return i;
    }
  }
  return loop->slots_len;
}

static int grow_slots(h2ws_loop *loop) {
  size_t len = loop->slots_len == 0 ? 16 : loop->slots_len * 2;
  struct h2ws__link **slots;
  uint32_t *generations;
  if (len > SLOTS_MAX) {
    return H2WS_ERR_NOMEM;
  }
  slots = realloc(loop->slots, len * sizeof(struct h2ws__link *));
  if (slots == NULL) {
    return H2WS_ERR_NOMEM;
  }
  loop->slots = slots;
  generations = realloc(loop->generations, len * sizeof(*generations));
  if (generations == NULL) {
    return H2WS_ERR_NOMEM;
  }
  loop->generations = generations;
  memset(slots + loop->slots_len, 0,
         (len - loop->slots_len) * sizeof(struct h2ws__link *));
  memset(generations + loop->slots_len, 0,
         (len - loop->slots_len) * sizeof(*generations));
  loop->slots_len = len;
  return 0;
}

size_t h2ws__loop_take_slot(h2ws_loop *loop, struct h2ws__link *link) {
  size_t slot =
    loop->slots_hint < loop->slots_len && loop->slots[loop->slots_hint] == NULL
      ? loop->slots_hint
      : find_free_slot(loop);
  if (slot == loop->slots_len && grow_slots(loop) != 0) {
    return SIZE_MAX;
  }
  loop->slots_hint = slot + 1;
  loop->slots[slot] = link;
  loop->generations[slot] = (loop->generations[slot] + 1) & GENERATION_MASK;
  return slot;
}

void h2ws__loop_give_slot(h2ws_loop *loop, size_t slot) {
  if (slot < loop->slots_len) {
    loop->slots[slot] = NULL;
    loop->slots_hint = slot;
  }
}

h2ws_id h2ws_socket_id(const h2ws_socket *socket) {
  h2ws_stream *stream = h2ws_socket_stream(socket);
  const struct h2ws__link *link = h2ws__link_of(h2ws_stream_conn(stream));
  int64_t id = h2ws_stream_id(stream);
  if (link == NULL || id <= 0) {
    return 0;
  }
  return ((h2ws_id)link->loop->generations[link->slot]
          << (ID_STREAM_BITS + ID_SLOT_BITS)) |
         ((h2ws_id)link->slot << ID_STREAM_BITS) | (h2ws_id)id;
}

h2ws_socket *h2ws_loop_socket(h2ws_loop *loop, h2ws_id id) {
  size_t slot = (size_t)(id >> ID_STREAM_BITS) & (SLOTS_MAX - 1);
  uint32_t generation = (uint32_t)(id >> (ID_STREAM_BITS + ID_SLOT_BITS));
  int64_t stream = (int64_t)(id & (((h2ws_id)1 << ID_STREAM_BITS) - 1));
  if (loop == NULL || slot >= loop->slots_len || loop->slots[slot] == NULL ||
      loop->generations[slot] != generation) {
    return NULL;
  }
  return h2ws_stream_socket(h2ws_conn_stream(loop->slots[slot]->conn, stream));
}

struct posted_message {
  h2ws_loop *loop;
  h2ws_id id;
  h2ws_type type;
  void (*on_done)(h2ws_id id, int result, void *user);
  void *user;
  size_t len;
  uint8_t data[];
};

static void send_posted(void *arg) {
  struct posted_message *message = arg;
  h2ws_socket *socket = h2ws_loop_socket(message->loop, message->id);
  int rv = socket == NULL ? H2WS_ERR_CLOSED
                          : h2ws_socket_send(socket, message->type,
                                             message->data, message->len);
  if (message->on_done != NULL) {
    message->on_done(message->id, rv, message->user);
  }
  free(message);
}

int h2ws_loop_send(h2ws_loop *loop, h2ws_id id, h2ws_type type,
                   const void *data, size_t len,
                   void (*on_done)(h2ws_id id, int result, void *user),
                   void *user) {
  struct posted_message *message;
  int rv;
  if (loop == NULL || (data == NULL && len > 0)) {
    return H2WS_ERR_INVALID;
  }
  message = malloc(sizeof(*message) + len);
  if (message == NULL) {
    return H2WS_ERR_NOMEM;
  }
  message->loop = loop;
  message->id = id;
  message->type = type;
  message->on_done = on_done;
  message->user = user;
  message->len = len;
  if (len > 0) {
    memcpy(message->data, data, len);
  }
  rv = h2ws_loop_post(loop, send_posted, message);
  if (rv != 0) {
    free(message);
  }
  return rv;
}
