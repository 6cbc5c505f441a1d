/* Server push (RFC 9113 section 8.4): streams that the server opens. */
#include <string.h>

#include "h2/session.h"

/* RFC 9113 section 8.4: safe, cacheable, without content. */
static bool method_is_pushable(const char *method) {
  return method != NULL &&
         (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0);
}

/* ------------------------------------------------------------------------
 * Servers
 */

/* Why nothing can be promised on this stream; 0: it can. */
static int push_check(const struct h2ws__h2_stream *parent) {
  const struct h2ws__h2 *h2 = parent->h2;
  if (h2 == NULL || h2->phase >= H2WS__H2_FAILED) {
    return H2WS_ERR_CLOSED;
  }
  /* The stream is the client's, and no tunnel (section 8.5). */
  if (!h2->server || parent->connect || parent->base.id % 2 == 0) {
    return H2WS_ERR_STATE;
  }
  if (nghttp2_session_get_remote_settings(h2->session,
                                          NGHTTP2_SETTINGS_ENABLE_PUSH) == 0) {
    return H2WS_ERR_UNSUPPORTED;
  }
  if (h2->phase != H2WS__H2_RUNNING) {
    return H2WS_ERR_GOING_AWAY;
  }
  return h2->ours_len >= h2ws__h2_max_ours(h2) ? H2WS_ERR_AGAIN : 0;
}

/* The method is kept, for what is answered to HEAD has no content. */
static int push_keep_method(struct h2ws__h2_stream *stream,
                            const char *method) {
  const h2ws_mem *mem = &stream->h2->env->mem;
  struct h2ws__head *head = h2ws__mem_zalloc(mem, sizeof(*head));
  stream->base.head = head;
  if (head != NULL) {
    head->method = h2ws__mem_strndup(mem, method, strlen(method));
  }
  return head == NULL || head->method == NULL ? H2WS_ERR_NOMEM : 0;
}

static int push_submit(struct h2ws__h2_stream *stream, int32_t parent_id,
                       const h2ws_request *request) {
  struct h2ws__h2 *h2 = stream->h2;
  const h2ws_mem *mem = &h2->env->mem;
  struct h2ws__headers fields = {0};
  nghttp2_nv *nva = NULL;
  int32_t id = -1;
  int rv = h2ws__h2_build_request(h2, &fields, request);
  if (rv == 0) {
    rv = push_keep_method(stream, request->method);
  }
  if (rv == 0) {
    nva = h2ws__h2_nva(mem, &fields);
    rv = nva == NULL ? H2WS_ERR_NOMEM : 0;
  }
  if (rv == 0) {
    id = nghttp2_submit_push_promise(h2->session, NGHTTP2_FLAG_NONE, parent_id,
                                     nva, fields.len, stream);
    rv = id >= 0                                     ? 0
         : id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE ? H2WS_ERR_EXHAUSTED
                                                     : H2WS_ERR_NOMEM;
  }
  stream->base.id = id;
  h2ws__mem_free(mem, nva);
  h2ws__headers_dispose(&fields, mem);
  return rv;
}

/* It never came to be: no on_close. */
static void push_discard(struct h2ws__h2_stream *stream) {
  const h2ws_mem *mem = &stream->h2->env->mem;
  stream->h2->streams_len--;
  if (stream->base.head != NULL) {
    h2ws__head_dispose(stream->base.head, mem);
    h2ws__mem_free(mem, stream->base.head);
  }
  h2ws_stream_release(&stream->base);
}

int h2ws__h2_push(h2ws_stream *base, h2ws_stream **out,
                  const h2ws_request *given) {
  struct h2ws__h2_stream *parent = (struct h2ws__h2_stream *)(void *)base;
  struct h2ws__h2 *h2 = parent->h2;
  struct h2ws__h2_stream *stream;
  h2ws_request request = *given;
  int rv = push_check(parent);
  if (rv != 0) {
    return rv;
  }
  request.method = request.method == NULL ? "GET" : request.method;
  if (!method_is_pushable(request.method) || request.protocol != NULL) {
    return H2WS_ERR_INVALID;
  }
  if (h2ws__fields_have(request.headers, request.headers_len,
                        "content-length")) {
    return H2WS_ERR_HEADER;
  }
  stream = h2ws__h2_stream_new(h2, H2WS_STREAM_REQUESTED);
  if (stream == NULL) {
    return H2WS_ERR_NOMEM;
  }
  rv = push_submit(stream, (int32_t)base->id, &request);
  if (rv != 0) {
    push_discard(stream);
    return rv;
  }
  stream->head_done = true;
  stream->base.rx_end = true; /* the client has nothing to say on it */
  stream->base.rx_end_told = true;
  stream->unsent = true;
  stream->ours = true;
  h2->ours_len++;
  h2->env->stats.streams_opened++;
  h2ws__list_push(&h2->streams, &stream->link);
  h2ws__h2_stream_arm(stream, h2->options.answer_timeout_ms);
  h2ws__h2_touch(h2);
  *out = &stream->base;
  return 0;
}

void h2ws__h2_push_sent(struct h2ws__h2_stream *stream) {
  if (stream == NULL) {
    return;
  }
  stream->unsent = false;
  if (stream->base.reset_asked) {
    (void)nghttp2_submit_rst_stream(stream->h2->session, NGHTTP2_FLAG_NONE,
                                    (int32_t)stream->base.id, stream->code);
  }
}

static void push_give_up(struct h2ws__h2_stream *stream) {
  if (!stream->base.reset_asked) {
    stream->why_cls = H2WS_CLOSE_REFUSED;
    stream->why_error = H2WS_ERR_GOING_AWAY;
    stream->why = "the stream it was promised on had ended";
  }
  h2ws__list_push(&stream->h2->dead, &stream->todo);
}

void h2ws__h2_push_failed(struct h2ws__h2 *h2, int32_t id) {
  struct h2ws__link *link;
  for (link = h2->streams.next; link != &h2->streams; link = link->next) {
    struct h2ws__h2_stream *stream =
      H2WS__OWNER(link, struct h2ws__h2_stream, link);
    if (stream->base.id == id && !h2ws__link_is_in(&stream->todo)) {
      push_give_up(stream);
      return;
    }
  }
}

/* ------------------------------------------------------------------------
 * Clients
 */

struct h2ws__h2_stream *h2ws__h2_promise_begin(struct h2ws__h2 *h2,
                                               int32_t id) {
  struct h2ws__h2_stream *stream = h2ws__h2_stream_new(h2, H2WS_STREAM_OPENING);
  if (stream == NULL) {
    return NULL;
  }
  stream->base.id = id;
  stream->base.tx_end = true; /* we have nothing to say on it */
  h2ws__stream_apply(&stream->base, H2WS__STREAM_END_SENT);
  stream->pushed = true;
  h2->pushed_len++;
  h2ws__list_push(&h2->streams, &stream->link);
  (void)nghttp2_session_set_stream_user_data(h2->session, id, stream);
  return stream;
}

static bool promise_is_acceptable(const struct h2ws__h2_stream *stream) {
  const struct h2ws__head *head = &stream->h2->rx.head;
  return method_is_pushable(head->method) && head->scheme != NULL &&
         head->path != NULL && strchr(head->path, '#') == NULL &&
         head->authority != NULL && h2ws__is_authority(head->authority) &&
         h2ws__headers_get(&head->fields, "content-length") == NULL;
}

void h2ws__h2_promise_received(struct h2ws__h2_stream *stream,
                               int32_t parent_id) {
  struct h2ws__h2 *h2 = stream->h2;
  struct h2ws__h2_stream *parent =
    nghttp2_session_get_stream_user_data(h2->session, parent_id);
  if (h2->pushed_len > h2->options.max_streams || stream->head_too_big) {
    h2ws__h2_stream_end(stream, H2WS_CLOSE_REFUSED, H2WS_ERR_LIMIT,
                        NGHTTP2_REFUSED_STREAM,
                        "more was promised than we take (max_streams, "
                        "max_header_list)");
    h2ws__h2_count_refusal(h2);
    return;
  }
  if (!promise_is_acceptable(stream)) {
    h2ws__h2_stream_fault(stream, H2WS_ERR_PROTO, NGHTTP2_PROTOCOL_ERROR,
                          "what was promised may not be pushed");
    return;
  }
  if (!h2ws__h2_take_head(stream)) {
    return;
  }
  h2->env->stats.streams_opened++;
  h2ws__h2_stream_arm(stream, h2->options.open_timeout_ms);
  h2->events->push(h2->owner, &stream->base,
                   parent == NULL ? NULL : &parent->base);
}
