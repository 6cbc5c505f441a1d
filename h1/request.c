/* Is this request acceptable? RFC 9112, and RFC 6455 section 4.2.1. */
#include <string.h>

#include "h1/h1_session.h"

/* What a request comes to; a status to refuse it with, and why. */
struct verdict {
  int status; /* 0: acceptable */
  const char *why;
  enum h2ws__h1_body_kind kind;
  uint64_t length;
  bool expects; /* 100-continue */
};

static void refuse(struct verdict *v, int status, const char *why) {
  if (v->status == 0) {
    v->status = status;
    v->why = why;
  }
}

static const char *get(const struct h2ws__head *head, const char *name) {
  return h2ws__headers_get(&head->fields, name);
}

static bool lists(const struct h2ws__head *head, const char *name,
                  const char *item) {
  return h2ws__headers_list(&head->fields, name, item);
}

/* ------------------------------------------------------------------------
 * Any request
 */

/* RFC 9112 section 6.3: one way to read it, or none. */
static void judge_framing(struct verdict *v, const struct h2ws__head *head,
                          bool http10) {
  size_t lengths = h2ws__headers_count(&head->fields, "content-length");
  size_t codings = h2ws__headers_count(&head->fields, "transfer-encoding");
  if (lengths + codings > 1) {
    refuse(v, 400, "more than one content-length or transfer-encoding");
  } else if (codings == 1) {
    if (http10) {
      refuse(v, 400, "transfer-encoding with HTTP/1.0");
    } else if (!h2ws__equal_nocase(get(head, "transfer-encoding"), "chunked")) {
      refuse(v, 501, "a transfer-encoding other than chunked");
    }
    v->kind = H2WS__H1_BODY_CHUNKED;
  } else if (lengths == 1) {
    if (!h2ws__read_length(get(head, "content-length"), &v->length)) {
      refuse(v, 400, "content-length is not a number");
    }
    v->kind = H2WS__H1_BODY_LENGTH;
  }
}

/* RFC 9112 section 3.2.2: "http://host/path" becomes host and path. */
static int split_absolute(const h2ws_mem *mem, struct h2ws__head *head) {
  const char *host = strstr(head->path, "://");
  const char *path;
  char *rest;
  if (head->path[0] == '/' || host == NULL) {
    return 0;
  }
  host += 3;
  path = host + strcspn(host, "/?");
  head->authority = h2ws__mem_strndup(mem, host, (size_t)(path - host));
  if (*path == '?') { /* an empty path is "/" */
    return H2WS_ERR_INVALID;
  }
  rest = *path == '\0' ? h2ws__mem_strndup(mem, "/", 1)
                       : h2ws__mem_strndup(mem, path, strlen(path));
  h2ws__mem_free(mem, head->path);
  head->path = rest;
  return rest == NULL || head->authority == NULL ? H2WS_ERR_NOMEM : 0;
}

static bool target_is_acceptable(const struct h2ws__head *head) {
  if (!h2ws__is_visible(head->path, "#")) {
    return false;
  }
  return head->path[0] == '/' ||
         (strcmp(head->path, "*") == 0 && strcmp(head->method, "OPTIONS") == 0);
}

/* Fills in what HTTP/2 has in pseudo fields. */
static int complete_head(const struct h2ws__h1 *h1, struct h2ws__head *head) {
  const h2ws_mem *mem = &h1->env->mem;
  const char *scheme = h1->options.secure ? "https" : "http";
  const char *host = get(head, "host");
  int rv = split_absolute(mem, head);
  if (rv != 0) {
    return rv;
  }
  head->scheme = h2ws__mem_strndup(mem, scheme, strlen(scheme));
  if (head->authority == NULL && host != NULL) {
    head->authority = h2ws__mem_strndup(mem, host, strlen(host));
  }
  return head->scheme == NULL || (host != NULL && head->authority == NULL)
           ? H2WS_ERR_NOMEM
           : 0;
}

static void judge_any(struct verdict *v, const struct h2ws__head *head,
                      bool http10) {
  size_t hosts = h2ws__headers_count(&head->fields, "host");
  const char *expect = get(head, "expect");
  if (hosts > 1 || (hosts == 0 && !http10)) {
    refuse(v, 400, "not exactly one host");
  } else if (head->authority != NULL && !h2ws__is_authority(head->authority)) {
    refuse(v, 400, "the host is malformed");
  }
  if (strcmp(head->method, "CONNECT") == 0) {
    refuse(v, 501, "CONNECT over HTTP/1.1");
  } else if (!target_is_acceptable(head)) {
    refuse(v, 400, "the target is malformed");
  }
  judge_framing(v, head, http10);
  if (expect != NULL && !http10) {
    v->expects = h2ws__equal_nocase(expect, "100-continue");
    if (!v->expects) {
      refuse(v, 417, "an unknown expectation");
    }
  }
}

/* ------------------------------------------------------------------------
 * Upgrade to WebSocket
 */

/* True if it is meant to be one, right or wrong. */
static bool means_upgrade(const struct h2ws__h1 *h1,
                          const struct h2ws__head *head) {
  return h1->options.enable_connect_protocol &&
         (lists(head, "upgrade", "websocket") ||
          get(head, "sec-websocket-key") != NULL);
}

static void judge_upgrade(struct verdict *v, const struct h2ws__head *head,
                          bool http10) {
  const char *key = get(head, "sec-websocket-key");
  const char *version = get(head, "sec-websocket-version");
  if (strcmp(head->method, "GET") != 0) {
    refuse(v, 405, "a WebSocket is asked for with GET");
  }
  if (http10 || v->kind != H2WS__H1_BODY_NONE) {
    refuse(v, 400, "an upgrade with HTTP/1.0, or with a body");
  }
  if (!lists(head, "upgrade", "websocket") ||
      !lists(head, "connection", "upgrade")) {
    refuse(v, 400, "upgrade and connection do not ask for a WebSocket");
  }
  if (h2ws__headers_count(&head->fields, "sec-websocket-key") != 1 ||
      !h2ws__h1_key_is_valid(key)) {
    refuse(v, 400, "sec-websocket-key is not 16 bytes in base64");
  }
  if (h2ws__headers_count(&head->fields, "sec-websocket-version") != 1 ||
      strcmp(version, "13") != 0) {
    refuse(v, 426, "the request is not for WebSocket version 13");
  }
}

/* ------------------------------------------------------------------------
 * The exchange
 */

void h2ws__h1_refuse(struct h2ws__h1 *h1, int status, int error,
                     const char *detail) {
  static const h2ws_header version = {"Sec-WebSocket-Version", "13"};
  static const h2ws_header allow = {"Allow", "GET"};
  const h2ws_header *extra = status == 426   ? &version
                             : status == 405 ? &allow
                                             : NULL;
  if (h1->phase >= H2WS__H1_FAILED) {
    return;
  }
  h1->env->stats.streams_refused++;
  (void)h2ws__h1_write_refusal(h1, status, extra);
  h2ws__h1_fail(
    h1, error == H2WS_ERR_TIMEOUT ? H2WS_CLOSE_TIMEOUT : H2WS_CLOSE_PROTOCOL,
    error, detail);
}

static void fail_memory(struct h2ws__h1 *h1) {
  h2ws__h1_fail(h1, H2WS_CLOSE_ABORTED, H2WS_ERR_NOMEM,
                "no memory for a request");
}

/* Makes the stream and moves the head to it. */
static bool begin_stream(struct h2ws__h1 *h1, struct h2ws__h1_message *message,
                         const struct verdict *v) {
  struct h2ws__head *head = h2ws__mem_alloc(&h1->env->mem, sizeof(*head));
  if (head == NULL || h2ws__h1_stream_new(h1, H2WS_STREAM_REQUESTED) != 0) {
    h2ws__mem_free(&h1->env->mem, head);
    return false;
  }
  *head = message->head;
  message->head = (struct h2ws__head){0};
  h1->stream->base.head = head;
  h1->stream->base.id = ++h1->exchanges;
  h1->env->stats.streams_opened++;
  h2ws__h1_body_init(&h1->rx.body, v->kind, v->length);
  return true;
}

static void begin_exchange(struct h2ws__h1 *h1,
                           struct h2ws__h1_message *message,
                           const struct verdict *v) {
  if (!begin_stream(h1, message, v)) {
    fail_memory(h1);
    return;
  }
  if (h1->ex.upgrade) {
    h1->rx.expect = H2WS__H1_EXPECT_TUNNEL;
  } else if (h2ws__h1_body_is_over(&h1->rx.body)) {
    h1->rx.expect = H2WS__H1_EXPECT_TURN;
    h2ws__h1_stream_input_end(h1);
  } else {
    h1->rx.expect = H2WS__H1_EXPECT_BODY;
    if (v->expects && h2ws__h1_write_continue(h1) != 0) {
      fail_memory(h1);
      return;
    }
  }
  h2ws__h1_arm(h1, &h1->stream_timer, h1->options.answer_timeout_ms);
  h1->events->request(h1->owner, &h1->stream->base);
}

static int judge(struct h2ws__h1 *h1, struct h2ws__h1_message *message,
                 struct verdict *v) {
  struct h2ws__head *head = &message->head;
  int rv = complete_head(h1, head);
  if (rv == H2WS_ERR_INVALID) {
    refuse(v, 400, "the target is malformed");
    return 0;
  }
  if (rv != 0) {
    return rv;
  }
  judge_any(v, head, message->http10);
  h1->ex.upgrade = means_upgrade(h1, head);
  if (h1->ex.upgrade) {
    judge_upgrade(v, head, message->http10);
  }
  if (v->status == 0 && h1->ex.upgrade) {
    h2ws__h1_accept(h1->ex.accept, get(head, "sec-websocket-key"));
    head->protocol = h2ws__mem_strndup(&h1->env->mem, "websocket", 9);
    return head->protocol == NULL ? H2WS_ERR_NOMEM : 0;
  }
  h1->ex.http10 = message->http10;
  h1->ex.no_body = strcmp(head->method, "HEAD") == 0;
  h1->ex.keep = !message->http10 && !lists(head, "connection", "close");
  return 0;
}

void h2ws__h1_request(struct h2ws__h1 *h1) {
  const h2ws_mem *mem = &h1->env->mem;
  struct h2ws__h1_message message;
  struct verdict v = {0};
  int rv = h2ws__h1_parse(&message, mem, h1->rx.head.text, h1->rx.head.len,
                          /* request = */ true, h1->options.max_header_fields);
  h2ws__h1_intake_dispose(&h1->rx.head, mem);
  memset(&h1->ex, 0, sizeof(h1->ex));
  if (rv > 0) {
    h2ws__h1_refuse(h1, rv, rv == 431 ? H2WS_ERR_LIMIT : H2WS_ERR_PROTO,
                    "the head of the request is malformed or too large");
    return;
  }
  if (rv == 0) {
    rv = judge(h1, &message, &v);
  }
  if (rv < 0) {
    fail_memory(h1);
  } else if (v.status != 0) {
    h2ws__h1_refuse(h1, v.status, H2WS_ERR_PROTO, v.why);
  } else {
    begin_exchange(h1, &message, &v);
  }
  h2ws__head_dispose(&message.head, mem);
}
