/* Clients: the requests we send, and what comes back. */
#include <string.h>

#include "h1/h1_session.h"

#define INTERIMS_MAX 16

/* ------------------------------------------------------------------------
 * Asking
 */

static bool is_upgrade(const h2ws_request *r) {
  return r->protocol != NULL && strcmp(r->protocol, "websocket") == 0;
}

/* True for what HTTP/1.1 carries here: no CONNECT but the upgrade. */
static bool is_carried(const h2ws_request *r) {
  return is_upgrade(r) || (r->protocol == NULL && r->method != NULL &&
                           strcmp(r->method, "CONNECT") != 0);
}

static bool target_is_valid(const h2ws_request *r) {
  if (r->path == NULL || !h2ws__is_visible(r->path, "#")) {
    return false;
  }
  return r->path[0] == '/' || (strcmp(r->path, "*") == 0 && !is_upgrade(r) &&
                               strcmp(r->method, "OPTIONS") == 0);
}

/* H2WS_ERR_INVALID, H2WS_ERR_HEADER. */
static int check_request(const h2ws_request *r) {
  if (r->authority == NULL || !h2ws__is_authority(r->authority) ||
      !target_is_valid(r)) {
    return H2WS_ERR_INVALID;
  }
  if (!is_upgrade(r)) {
    return h2ws__is_token(r->method, strlen(r->method)) ? 0 : H2WS_ERR_INVALID;
  }
  if (r->end) {
    return H2WS_ERR_INVALID;
  }
  return h2ws__fields_have(r->headers, r->headers_len, "content-length")
           ? H2WS_ERR_HEADER
           : 0;
}

static int send_request(struct h2ws__h1 *h1, const h2ws_request *request) {
  uint8_t random[16];
  char key[H2WS__H1_KEY_LEN + 1];
  int rv;
  memset(&h1->ex, 0, sizeof(h1->ex));
  h1->ex.upgrade = is_upgrade(request);
  if (!h1->ex.upgrade) {
    h1->ex.no_body = strcmp(request->method, "HEAD") == 0;
    h1->stream->base.body_first = true;
    h1->stream->base.tx_end = request->end;
    rv = h2ws__stream_count_request(&h1->stream->base, request);
    return rv != 0 ? rv : h2ws__h1_write_request(h1, request);
  }
  if (h1->env->random(random, sizeof(random), h1->env->user) != 0) {
    return H2WS_ERR_INTERNAL;
  }
  h2ws__h1_key(key, random);
  h2ws__h1_accept(h1->ex.accept, key);
  return h2ws__h1_write_upgrade(h1, request, key);
}

int h2ws__h1_open(struct h2ws__h1 *h1, h2ws_stream **out,
                  const h2ws_request *request,
                  const h2ws_stream_callbacks *callbacks, void *user) {
  int rv;
  if (h1->phase >= H2WS__H1_FAILED) {
    return H2WS_ERR_CLOSED;
  }
  if (h1->server || !is_carried(request)) {
    return H2WS_ERR_STATE;
  }
  if (!h2ws__h1_can_open(h1)) {
    return h1->stream != NULL ? H2WS_ERR_EXHAUSTED : H2WS_ERR_GOING_AWAY;
  }
  rv = h2ws__fields_check(request->headers, request->headers_len);
  if (rv == 0) {
    rv = check_request(request);
  }
  if (rv == 0) {
    rv = h2ws__h1_stream_new(h1, H2WS_STREAM_OPENING);
  }
  if (rv != 0) {
    return rv;
  }
  h1->stream->base.id = h1->exchanges + 1;
  rv = send_request(h1, request);
  if (rv != 0) {
    h1->tx.framing = H2WS__H1_FRAMING_NONE;
    h2ws_stream_release(&h1->stream->base);
    h1->stream = NULL;
    return rv;
  }
  h1->exchanges++;
  h1->stream->base.callbacks = callbacks;
  h1->stream->base.user = user;
  h1->env->stats.streams_opened++;
  h2ws__h1_arm(h1, &h1->stream_timer, h1->options.open_timeout_ms);
  *out = &h1->stream->base;
  return 0;
}

/* ------------------------------------------------------------------------
 * Answers
 */

void h2ws__h1_refused(struct h2ws__h1 *h1) {
  if (h1->ex.status == 421) { /* RFC 9110 section 15.5.20 */
    h2ws__h1_stream_end(h1, H2WS_CLOSE_REFUSED, H2WS_ERR_MISDIRECTED,
                        "the server is not responsible for this authority");
    return;
  }
  h2ws__h1_stream_end(h1, H2WS_CLOSE_REFUSED, H2WS_ERR_REFUSED,
                      "the server refused the request");
}

void h2ws__h1_refusal_body(struct h2ws__h1 *h1, const uint8_t *data,
                           size_t len) {
  size_t max = h1->options.max_refusal_body;
  size_t room = max - h1->ex.body_len;
  size_t n = len < room ? len : room;
  if (h1->ex.body == NULL && n > 0) {
    h1->ex.body = h2ws__mem_alloc(&h1->env->mem, max);
  }
  if (h1->ex.body != NULL && n > 0) {
    memcpy(h1->ex.body + h1->ex.body_len, data, n);
    h1->ex.body_len += n;
  }
  if (len > room || h1->ex.body == NULL) {
    h2ws__h1_refused(h1); /* enough of it */
  }
}

/* RFC 9112 section 6.3, from the client's side. */
static void expect_refusal(struct h2ws__h1 *h1, const struct h2ws__head *head) {
  const char *length = h2ws__headers_get(&head->fields, "content-length");
  const char *coding = h2ws__headers_get(&head->fields, "transfer-encoding");
  enum h2ws__h1_body_kind kind = H2WS__H1_BODY_TO_END;
  uint64_t value = 0;
  if (coding != NULL) {
    if (h2ws__equal_nocase(coding, "chunked")) {
      kind = H2WS__H1_BODY_CHUNKED;
    }
  } else if (length != NULL && h2ws__read_length(length, &value)) {
    kind = H2WS__H1_BODY_LENGTH;
  } else if (h1->ex.status == 204 || h1->ex.status == 304) {
    kind = H2WS__H1_BODY_NONE;
  }
  h2ws__h1_body_init(&h1->rx.body, kind, value);
  h1->rx.expect = H2WS__H1_EXPECT_BODY;
  if (h2ws__h1_body_is_over(&h1->rx.body)) {
    h2ws__h1_refused(h1);
  }
}

/* RFC 6455 section 4.1: NULL, or what is wrong with a 101. */
static const char *judge_switch(const struct h2ws__h1 *h1,
                                const struct h2ws__head *head) {
  const struct h2ws__headers *fields = &head->fields;
  const char *upgrade = h2ws__headers_get(fields, "upgrade");
  const char *accept = h2ws__headers_get(fields, "sec-websocket-accept");
  if (h2ws__headers_count(fields, "upgrade") != 1 ||
      !h2ws__equal_nocase(upgrade, "websocket")) {
    return "the server did not switch to WebSocket (upgrade)";
  }
  if (!h2ws__headers_list(fields, "connection", "upgrade")) {
    return "the server did not switch to WebSocket (connection)";
  }
  if (h2ws__headers_count(fields, "sec-websocket-accept") != 1 ||
      strcmp(accept, h1->ex.accept) != 0) {
    return "the server's sec-websocket-accept does not answer our key";
  }
  return NULL;
}

static void switched(struct h2ws__h1 *h1) {
  const char *wrong = judge_switch(h1, h1->stream->base.head);
  if (wrong != NULL) {
    h2ws__h1_stream_end(h1, H2WS_CLOSE_PROTOCOL, H2WS_ERR_HANDSHAKE, wrong);
    return;
  }
  h1->rx.expect = H2WS__H1_EXPECT_TUNNEL;
  h1->tx.framing = H2WS__H1_FRAMING_RAW;
  h2ws__timer_stop(&h1->env->timers, &h1->stream_timer);
  h2ws__stream_opened(&h1->stream->base);
}

/* RFC 9112 section 6.3: one way to read it, or none. */
static bool read_framing(const struct h2ws__h1 *h1,
                         const struct h2ws__head *head,
                         enum h2ws__h1_body_kind *kind, uint64_t *length) {
  const struct h2ws__headers *fields = &head->fields;
  const char *coding = h2ws__headers_get(fields, "transfer-encoding");
  const char *given = h2ws__headers_get(fields, "content-length");
  *length = 0;
  if (h1->ex.no_body || !h2ws__status_has_content(head->status)) {
    *kind = H2WS__H1_BODY_NONE;
    return true;
  }
  *kind = coding != NULL  ? H2WS__H1_BODY_CHUNKED
          : given != NULL ? H2WS__H1_BODY_LENGTH
                          : H2WS__H1_BODY_TO_END;
  return h2ws__headers_count(fields, "content-length") +
             h2ws__headers_count(fields, "transfer-encoding") <=
           1 &&
         (coding == NULL || h2ws__equal_nocase(coding, "chunked")) &&
         (given == NULL || h2ws__read_length(given, length));
}

/* The answer to an ordinary request. */
static void answered(struct h2ws__h1 *h1, bool http10) {
  const struct h2ws__head *head = h1->stream->base.head;
  enum h2ws__h1_body_kind kind;
  uint64_t length;
  if (head->status == 101 || !read_framing(h1, head, &kind, &length)) {
    h2ws__h1_stream_end(h1, H2WS_CLOSE_PROTOCOL, H2WS_ERR_PROTO,
                        head->status == 101
                          ? "the server switched to what nobody asked for"
                          : "nobody can tell where the answer ends");
    return;
  }
  h1->ex.keep = !http10 && kind != H2WS__H1_BODY_TO_END &&
                !h2ws__headers_list(&head->fields, "connection", "close");
  h2ws__h1_body_init(&h1->rx.body, kind, length);
  h1->rx.expect = H2WS__H1_EXPECT_BODY;
  h2ws__timer_stop(&h1->env->timers, &h1->stream_timer);
  h2ws__stream_opened(&h1->stream->base);
  if (!h1->ex.dead && h2ws__h1_body_is_over(&h1->rx.body)) {
    h1->rx.expect = H2WS__H1_EXPECT_TURN;
    h2ws__h1_stream_input_end(h1);
  }
}

static void interim(struct h2ws__h1 *h1) {
  h1->ex.interims++;
  if (h1->ex.interims > INTERIMS_MAX) {
    h2ws__h1_stream_end(h1, H2WS_CLOSE_PROTOCOL, H2WS_ERR_LIMIT,
                        "more than 16 interim answers");
  }
}

static void final_answer(struct h2ws__h1 *h1,
                         struct h2ws__h1_message *message) {
  struct h2ws__head *head = h2ws__mem_alloc(&h1->env->mem, sizeof(*head));
  if (head == NULL) {
    h2ws__h1_stream_end(h1, H2WS_CLOSE_ABORTED, H2WS_ERR_NOMEM,
                        "no memory for the head");
    return;
  }
  *head = message->head;
  message->head = (struct h2ws__head){0};
  h1->stream->base.head = head;
  h1->ex.status = head->status;
  if (!h1->ex.upgrade) {
    answered(h1, message->http10);
  } else if (head->status == 101) {
    switched(h1);
  } else {
    expect_refusal(h1, head);
  }
}

void h2ws__h1_answer(struct h2ws__h1 *h1) {
  const h2ws_mem *mem = &h1->env->mem;
  struct h2ws__h1_message message;
  int rv = h2ws__h1_parse(&message, mem, h1->rx.head.text, h1->rx.head.len,
                          /* request = */ false, h1->options.max_header_fields);
  h2ws__h1_intake_dispose(&h1->rx.head, mem);
  if (rv != 0) {
    h2ws__h1_fail(h1, H2WS_CLOSE_PROTOCOL,
                  rv < 0      ? rv
                  : rv == 431 ? H2WS_ERR_LIMIT
                              : H2WS_ERR_PROTO,
                  "the head of the answer is malformed or too large");
    return;
  }
  if (message.head.status < 200 && message.head.status != 101) {
    interim(h1);
  } else {
    final_answer(h1, &message);
  }
  h2ws__head_dispose(&message.head, mem);
}
