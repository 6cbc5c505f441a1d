#include "lib/io/loop.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/io/link.h"

/* An id: the serial of the link, 2^33 before one comes again; stream id. */
#define ID_STREAM_BITS 31
#define BUCKETS_MIN 16

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

static void stop_here(void *arg) {
  h2ws_loop *loop = arg;
  (void)event_base_loopbreak(loop->base);
}

static int loop_events(h2ws_loop *loop) {
  int rv;
  if (loop->own_base) {
    loop->base = event_base_new();
  }
  if (loop->base == NULL) {
    return H2WS_ERR_NOMEM;
  }
  rv = h2ws__mailbox_new(&loop->mailbox);
  if (rv != 0) {
    return rv;
  }
  loop->stop.fn = stop_here;
  loop->stop.arg = loop;
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

/* Those that nobody owns any more, on their last bytes. */
static void free_links(h2ws_loop *loop) {
  size_t i;
  for (i = 0; i < loop->buckets_len; i++) {
    while (loop->buckets[i] != NULL) {
      h2ws__link_free(loop->buckets[i]);
    }
  }
}

void h2ws_loop_free(h2ws_loop *loop) {
  if (loop == NULL) {
    return;
  }
  free_links(loop);
  bury_all(loop);
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
  h2ws__sessions_dispose(&loop->sessions);
  h2ws__origins_dispose(&loop->http1);
  X509_STORE_free(loop->system_cas);
  free(loop->buckets);
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

int h2ws_loop_stop(h2ws_loop *loop) {
  return loop == NULL ? H2WS_ERR_INVALID
                      : h2ws__mailbox_put(loop->mailbox, &loop->stop);
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

static struct h2ws__link **bucket_of(const h2ws_loop *loop, uint64_t serial) {
  return &loop->buckets[serial & (loop->buckets_len - 1)];
}

static void put_in_bucket(h2ws_loop *loop, struct h2ws__link *link) {
  struct h2ws__link **bucket = bucket_of(loop, link->serial);
  link->bucket_next = *bucket;
  *bucket = link;
}

static int grow_buckets(h2ws_loop *loop) {
  struct h2ws__link **old = loop->buckets;
  size_t old_len = loop->buckets_len;
  size_t len = old_len == 0 ? BUCKETS_MIN : old_len * 2;
  struct h2ws__link **buckets = calloc(len, sizeof(struct h2ws__link *));
  size_t i;
  if (buckets == NULL) {
    return H2WS_ERR_NOMEM;
  }
  loop->buckets = buckets;
  loop->buckets_len = len;
  for (i = 0; i < old_len; i++) {
    struct h2ws__link *link = old[i];
    while (link != NULL) {
      struct h2ws__link *next = link->bucket_next;
      put_in_bucket(loop, link);
      link = next;
    }
  }
  free(old);
  return 0;
}

int h2ws__loop_enter(h2ws_loop *loop, struct h2ws__link *link) {
  if (loop->links_len == loop->buckets_len && grow_buckets(loop) != 0) {
    return H2WS_ERR_NOMEM;
  }
  link->serial = ++loop->last_serial & (UINT64_MAX >> ID_STREAM_BITS);
  loop->links_len++;
  put_in_bucket(loop, link);
  return 0;
}

void h2ws__loop_leave(h2ws_loop *loop, struct h2ws__link *link) {
  struct h2ws__link **at;
  if (link->serial == 0) {
    return; /* it never entered */
  }
  at = bucket_of(loop, link->serial);
  while (*at != link) {
    at = &(*at)->bucket_next;
  }
  *at = link->bucket_next;
  link->serial = 0;
  loop->links_len--;
}

h2ws_loop *h2ws_conn_loop(const h2ws_conn *conn) {
  const struct h2ws__link *link = h2ws__link_of(conn);
  return link == NULL ? NULL : link->loop;
}

h2ws_id h2ws_socket_id(const h2ws_socket *socket) {
  h2ws_stream *stream = h2ws_socket_stream(socket);
  const struct h2ws__link *link = h2ws__link_of(h2ws_stream_conn(stream));
  int64_t id = h2ws_stream_id(stream);
  if (link == NULL || id <= 0) {
    return 0;
  }
  return (h2ws_id)link->serial << ID_STREAM_BITS | (h2ws_id)id;
}

h2ws_socket *h2ws_loop_socket(h2ws_loop *loop, h2ws_id id) {
  uint64_t serial = id >> ID_STREAM_BITS;
  int64_t stream = (int64_t)(id & (((h2ws_id)1 << ID_STREAM_BITS) - 1));
  const struct h2ws__link *link;
  if (loop == NULL || loop->buckets_len == 0) {
    return NULL;
  }
  link = *bucket_of(loop, serial);
  while (link != NULL && link->serial != serial) {
    link = link->bucket_next;
  }
  return link == NULL
           ? NULL
           : h2ws_stream_socket(h2ws_conn_stream(link->conn, stream));
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

struct posted_broadcast {
  h2ws_loop *loop;
  h2ws_message *message;
  void (*on_done)(const h2ws_id *ids, const int *results, size_t len,
                  void *user);
  void *user;
  size_t len;
  int *results; /* behind the ids */
  h2ws_id ids[];
};

static void broadcast_posted(void *arg) {
  struct posted_broadcast *posted = arg;
  size_t i;
  for (i = 0; i < posted->len; i++) {
    h2ws_socket *socket = h2ws_loop_socket(posted->loop, posted->ids[i]);
    posted->results[i] = socket == NULL
                           ? H2WS_ERR_CLOSED
                           : h2ws_socket_send_message(socket, posted->message);
  }
  if (posted->on_done != NULL) {
    posted->on_done(posted->ids, posted->results, posted->len, posted->user);
  }
  h2ws_message_release(posted->message);
  free(posted);
}

int h2ws_loop_broadcast(h2ws_loop *loop, h2ws_message *message,
                        const h2ws_id *ids, size_t len,
                        void (*on_done)(const h2ws_id *ids, const int *results,
                                        size_t len, void *user),
                        void *user) {
  struct posted_broadcast *posted;
  int rv;
  if (loop == NULL || message == NULL || (ids == NULL && len > 0)) {
    return H2WS_ERR_INVALID;
  }
  posted = malloc(sizeof(*posted) + len * (sizeof(*ids) + sizeof(int)));
  if (posted == NULL) {
    return H2WS_ERR_NOMEM;
  }
  posted->loop = loop;
  posted->message = h2ws_message_retain(message);
  posted->on_done = on_done;
  posted->user = user;
  posted->len = len;
  posted->results = (int *)(void *)(posted->ids + len);
  if (len > 0) {
    memcpy(posted->ids, ids, len * sizeof(*ids));
  }
  rv = h2ws_loop_post(loop, broadcast_posted, posted);
  if (rv != 0) {
    h2ws_message_release(posted->message);
    free(posted);
  }
  return rv;
}
