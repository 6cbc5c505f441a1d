/*
 * Is this request, this answer, acceptable? nghttp2 has checked what RFC 9113
 * says of every message; here is what it leaves out, and RFC 8441.
 */
#include <string.h>

#include "h2/session.h"

#define INTERIMS_MAX 16

/* ------------------------------------------------------------------------
 * Requests
 */

static bool scheme_is_acceptable(const struct h2ws__h2 *h2,
                                 const char *scheme) {
  bool http = h2ws__equal_nocase(scheme, "http");
  bool https = h2ws__equal_nocase(scheme, "https");
  if (h2->options.any_scheme) {
    return http || https;
  }
  return h2->options.secure ? https : http;
}

/* The same host, case aside and with the default port left out or not. */
static bool hosts_are_equal(const char *host, const char *authority,
                            bool secure) {
  const char *port = secure ? ":443" : ":80";
  const char *longer = strlen(host) > strlen(authority) ? host : authority;
  const char *shorter = longer == host ? authority : host;
  size_t n = strlen(shorter);
  size_t i;
  for (i = 0; i < n; i++) {
    char a[2] = {longer[i], '\0'};
    char b[2] = {shorter[i], '\0'};
    if (!h2ws__equal_nocase(a, b)) {
      return false;
    }
  }
  return longer[n] == '\0' || strcmp(longer + n, port) == 0;
}

/* True if the option lists the value, or all. */
static bool protocol_is_served(const struct h2ws__h2 *h2, const char *value) {
  const char *pos = h2->options.protocols;
  const char *item;
  size_t len;
  if (h2ws__equal_nocase(value, "websocket")) {
    return true;
  }
  while (pos != NULL && h2ws__list_next(&pos, &item, &len)) {
    if (len == 1 && item[0] == '*') {
      return true;
    }
    if (len == strlen(value) && memcmp(item, value, len) == 0) {
      return true;
    }
  }
  return false;
}

/* What a tunnel needs besides; 0 or the status to refuse it with. */
static int judge_connect(const struct h2ws__h2 *h2,
                         const struct h2ws__head *head, bool end) {
  if (end || h2ws__headers_get(&head->fields, "content-length") != NULL) {
    return 400; /* it could carry nothing, or not all (rows W-34, W-48) */
  }
  if (head->protocol == NULL) {
    return h2->options.allow_connect ? 0 : 501;
  }
  return protocol_is_served(h2, head->protocol) ? 0 : 501;
}

/* 0, or the status to answer. */
static int judge_head(const struct h2ws__h2 *h2, const struct h2ws__head *head,
                      bool connect, bool end) {
  const char *host = h2ws__headers_get(&head->fields, "host");
  const char *authority = head->authority != NULL ? head->authority : host;
  if (head->scheme != NULL && !scheme_is_acceptable(h2, head->scheme)) {
    return 400;
  }
  if (authority == NULL || !h2ws__is_authority(authority)) {
    return 400;
  }
  if (host != NULL && !hosts_are_equal(host, authority, h2->options.secure)) {
    return 400;
  }
  return connect ? judge_connect(h2, head, end) : 0;
}

static void request_refuse(struct h2ws__h2_stream *stream, int status) {
  h2ws__trace(stream->h2->env, H2WS_TRACE_INFO, "stream %lld: refused with %d",
              (long long)stream->base.id, status);
  if (!stream->connect) {
    h2ws__h2_count_refusal(stream->h2);
  }
  if (h2ws_stream_respond(&stream->base, status, NULL, 0, NULL, 0) != 0) {
    h2ws__h2_stream_end(stream, H2WS_CLOSE_ABORTED, H2WS_ERR_NOMEM,
                        NGHTTP2_INTERNAL_ERROR, "no memory for the answer");
  }
}

bool h2ws__h2_take_head(struct h2ws__h2_stream *stream) {
  struct h2ws__h2 *h2 = stream->h2;
  struct h2ws__head *head = h2ws__mem_alloc(&h2->env->mem, sizeof(*head));
  if (head == NULL) {
    h2ws__h2_stream_end(stream, H2WS_CLOSE_ABORTED, H2WS_ERR_NOMEM,
                        NGHTTP2_INTERNAL_ERROR, "no memory for the head");
    return false;
  }
  *head = h2->rx.head;
  h2->rx.head = (struct h2ws__head){0};
  if (stream->base.head != NULL) { /* the request of a promise */
    h2ws__head_dispose(stream->base.head, &h2->env->mem);
    h2ws__mem_free(&h2->env->mem, stream->base.head);
  }
  stream->base.head = head;
  return true;
}

void h2ws__h2_judge_request(struct h2ws__h2_stream *stream, bool end) {
  struct h2ws__h2 *h2 = stream->h2;
  const struct h2ws__head *head;
  int status;
  stream->head_done = true;
  if (stream->head_too_big) {
    request_refuse(stream, 431);
    return;
  }
  if (!h2ws__h2_take_head(stream)) {
    return;
  }
  head = stream->base.head;
  stream->connect =
    head->method != NULL && strcmp(head->method, "CONNECT") == 0;
  stream->extended = stream->connect && head->protocol != NULL;
  if (head->protocol != NULL &&
      !h2ws__is_token(head->protocol, strlen(head->protocol))) {
    h2ws__h2_stream_fault(stream, H2WS_ERR_PROTO, NGHTTP2_PROTOCOL_ERROR,
                          ":protocol is not a token");
    return;
  }
  if (head->path != NULL && strchr(head->path, '#') != NULL) {
    h2ws__h2_stream_fault(stream, H2WS_ERR_PROTO, NGHTTP2_PROTOCOL_ERROR,
                          ":path has a fragment"); /* RFC 9113 section 8.3.1 */
    return;
  }
  status = judge_head(h2, head, stream->connect, end);
  if (status != 0) {
    request_refuse(stream, status);
    return;
  }
  h2->env->stats.streams_opened++;
  h2ws__list_push(&h2->requests, &stream->todo);
}

/* ------------------------------------------------------------------------
 * Answers
 */

void h2ws__h2_refused(struct h2ws__h2_stream *stream) {
  if (stream->status == 421) { /* RFC 9110 section 15.5.20 */
    h2ws__h2_stream_end(stream, H2WS_CLOSE_REFUSED, H2WS_ERR_MISDIRECTED,
                        NGHTTP2_CANCEL,
                        "the server is not responsible for this authority");
    return;
  }
  h2ws__h2_stream_end(stream, H2WS_CLOSE_REFUSED, H2WS_ERR_REFUSED,
                      NGHTTP2_CANCEL, "the server refused the request");
}

static void answer_interim(struct h2ws__h2_stream *stream) {
  stream->interims++;
  if (stream->interims > INTERIMS_MAX) {
    h2ws__h2_stream_fault(stream, H2WS_ERR_LIMIT, NGHTTP2_ENHANCE_YOUR_CALM,
                          "more than 16 interim answers");
  }
}

/* A 2xx to CONNECT: the tunnel is open, unless it cannot carry anything. */
static void answer_tunnel(struct h2ws__h2_stream *stream, bool end) {
  if (end) {
    h2ws__h2_stream_end(stream, H2WS_CLOSE_PROTOCOL, H2WS_ERR_HANDSHAKE,
                        NGHTTP2_CANCEL,
                        "the server accepted and ended the stream at once");
    return;
  }
  if (stream->status == 204 || stream->status == 205) {
    h2ws__h2_stream_end(stream, H2WS_CLOSE_PROTOCOL, H2WS_ERR_HANDSHAKE,
                        NGHTTP2_CANCEL,
                        "the server accepted with a status without content");
    return;
  }
  h2ws__timer_stop(&stream->h2->env->timers, &stream->timer);
  h2ws__stream_opened(&stream->base);
}

static void answer_final(struct h2ws__h2_stream *stream, bool end) {
  if (!h2ws__h2_take_head(stream)) {
    return;
  }
  stream->status = stream->base.head->status;
  if (!stream->connect) {
    bool sends = stream->base.tx.q.len > 0;
    h2ws__h2_stream_arm(
      stream, sends ? stream->h2->options.stream_stall_timeout_ms : 0);
    h2ws__stream_opened(&stream->base);
    return;
  }
  if (stream->status >= 200 && stream->status < 300) {
    answer_tunnel(stream, end);
    return;
  }
  if (end) {
    h2ws__h2_refused(stream);
  }
}

void h2ws__h2_judge_answer(struct h2ws__h2_stream *stream, bool end) {
  struct h2ws__h2 *h2 = stream->h2;
  if (stream->head_too_big) {
    h2ws__h2_stream_fault(stream, H2WS_ERR_LIMIT, NGHTTP2_CANCEL,
                          "the header of the answer is larger than "
                          "max_header_list or max_header_fields");
    return;
  }
  if (stream->status != 0) { /* RFC 9113 section 8.5: none on a tunnel */
    if (stream->connect) {
      h2ws__h2_stream_fault(stream, H2WS_ERR_PROTO, NGHTTP2_PROTOCOL_ERROR,
                            "header fields on an open tunnel");
    }
    return;
  }
  if (h2->rx.head.status < 100) {
    h2ws__h2_stream_fault(stream, H2WS_ERR_PROTO, NGHTTP2_PROTOCOL_ERROR,
                          ":status is not a status");
  } else if (h2->rx.head.status < 200) {
    answer_interim(stream);
  } else {
    answer_final(stream, end);
  }
}
