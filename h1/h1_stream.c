/* The carrier of the stream of one exchange. */
#include <string.h>

#include "h1/h1_session.h"

static struct h2ws__h1_stream *of(h2ws_stream *base) {
  return (struct h2ws__h1_stream *)(void *)base;
}

/* ------------------------------------------------------------------------
 * What the byte stream asks for
 */

static void carrier_wake(h2ws_stream *base) {
  struct h2ws__h1 *h1 = of(base)->h1;
  if (h1 != NULL) {
    h2ws__h1_touch(h1);
  }
}

static void carrier_credit(h2ws_stream *base, size_t len) {
  struct h2ws__h1 *h1 = of(base)->h1;
  (void)len;
  if (h1 != NULL && base->state == H2WS_STREAM_REQUESTED && !base->answered) {
    h2ws__h1_arm(h1, &h1->stream_timer, h1->options.answer_timeout_ms);
  }
  if (h1 != NULL && h1->server) {
    h1->ex.moved = h2ws__now(h1->env);
  }
  if (h1 != NULL && h1->rx.full && h2ws__h1_wants_recv(h1)) {
    h1->rx.full = false;
    h1->events->want_recv(h1->owner);
  }
}

/*
 * Too much of the request is still to come, or nobody knows how much: the
 * connection goes rather than to wait for it.
 */
static bool rest_is_long(const struct h2ws__h1 *h1) {
  const struct h2ws__h1_body *body = &h1->rx.body;
  return !h2ws__h1_body_is_over(body) &&
         (body->kind != H2WS__H1_BODY_LENGTH ||
          body->left > h1->options.stream_window);
}

static int carrier_answer(h2ws_stream *base, int status,
                          const h2ws_header *headers, size_t headers_len,
                          unsigned flags) {
  struct h2ws__h1 *h1 = of(base)->h1;
  bool whole = (flags & H2WS__ANSWER_WHOLE) != 0;
  int rv;
  if (h1 == NULL || h1->phase >= H2WS__H1_FAILED) {
    return H2WS_ERR_CLOSED;
  }
  rv = h2ws__fields_check(headers, headers_len);
  if (rv != 0) {
    return rv;
  }
  if (h1->phase != H2WS__H1_RUNNING || h1->rx.eof ||
      (whole && rest_is_long(h1))) {
    h1->ex.keep = false;
  }
  rv = h2ws__h1_write_answer(h1, status, headers, headers_len, flags);
  if (rv != 0) {
    return rv;
  }
  h1->ex.discards = whole;
  h1->ex.moved = h2ws__now(h1->env);
  h2ws__h1_arm(
    h1, &h1->stream_timer,
    whole || base->rx_end || h1->ex.upgrade ? 0 : h1->options.idle_timeout_ms);
  return 0;
}

static int carrier_reset(h2ws_stream *base, uint32_t code) {
  struct h2ws__h1 *h1 = of(base)->h1;
  (void)code;
  if (h1 == NULL) {
    return H2WS_ERR_CLOSED;
  }
  h1->ex.dead = true;
  h2ws__timer_stop(&h1->env->timers, &h1->stream_timer);
  h2ws__h1_settle_soon(h1);
  return 0;
}

static void carrier_destroy(h2ws_stream *base) {
  h2ws__mem_free(&base->env->mem, of(base));
}

static const struct h2ws__carrier_ops ops = {
  .wake = carrier_wake,
  .credit = carrier_credit,
  .answer = carrier_answer,
  .reset = carrier_reset,
  .destroy = carrier_destroy,
};

/* ------------------------------------------------------------------------
 * Life
 */

int h2ws__h1_stream_new(struct h2ws__h1 *h1, h2ws_stream_state state) {
  struct h2ws__h1_stream *stream =
    h2ws__mem_zalloc(&h1->env->mem, sizeof(*stream));
  if (stream == NULL) {
    return H2WS_ERR_NOMEM;
  }
  h2ws__stream_init(&stream->base, h1->env, &ops, state);
  stream->h1 = h1;
  h1->stream = stream;
  h1->tx.framing = H2WS__H1_FRAMING_NONE;
  h2ws__timer_stop(&h1->env->timers, &h1->idle_timer);
  return 0;
}

void h2ws__h1_stream_end(struct h2ws__h1 *h1, h2ws_close_class cls, int error,
                         const char *why) {
  if (h1->stream == NULL || h1->stream->base.reset_asked) {
    return;
  }
  if (h1->ex.why == NULL) {
    h1->ex.why_cls = (uint8_t)cls;
    h1->ex.why_error = error;
    h1->ex.why = why;
  }
  (void)h2ws_stream_reset(&h1->stream->base, 0);
}

static h2ws_close_info info_of(const struct h2ws__h1 *h1) {
  const h2ws_stream *base = &h1->stream->base;
  h2ws_close_info info;
  if (h1->ex.why != NULL) {
    info = h2ws__close_info((h2ws_close_class)h1->ex.why_cls, h1->ex.why_error,
                            h1->ex.why);
  } else if (base->reset_asked) {
    info = h2ws__close_info(H2WS_CLOSE_ABORTED, H2WS_ERR_ABORTED,
                            "the stream was reset on this side");
  } else {
    info = h2ws__close_info(H2WS_CLOSE_CLEAN, 0, "both sides ended");
  }
  if (info.cls == H2WS_CLOSE_REFUSED && base->head != NULL) {
    info.status = h1->ex.status;
    info.headers = base->head->fields.fields;
    info.headers_len = base->head->fields.len;
    info.body = h1->ex.body;
    info.body_len = h1->ex.body_len;
  }
  return info;
}

void h2ws__h1_stream_close(struct h2ws__h1 *h1) {
  struct h2ws__h1_stream *stream = h1->stream;
  h2ws_close_info info = info_of(h1);
  uint8_t *body = h1->ex.body;
  h2ws__trace(h1->env, H2WS_TRACE_INFO, "exchange %lld: closed, %s: %s",
              (long long)stream->base.id, h2ws_close_class_name(info.cls),
              info.detail);
  h2ws__timer_stop(&h1->env->timers, &h1->stream_timer);
  h1->stream = NULL;
  h1->ex.body = NULL;
  h1->tx.framing = H2WS__H1_FRAMING_NONE;
  stream->h1 = NULL;
  (void)h2ws__stream_closed(&stream->base, &info);
  h2ws__mem_free(&h1->env->mem, body);
}

/* ------------------------------------------------------------------------
 * Receiving
 */

/*
 * More than was ever asked for: h2ws_conn_wants_recv() said so at
 * stream_window.
 */
static bool is_flooded(const struct h2ws__h1 *h1) {
  const h2ws_conn_options *o = &h1->options;
  return h1->stream->base.rx.q.len >
         (size_t)o->stream_window + (size_t)o->conn_window;
}

void h2ws__h1_stream_input(struct h2ws__h1 *h1, uint8_t *data, size_t len) {
  h2ws_stream *base = &h1->stream->base;
  if (base->reset_asked || h1->ex.discards) {
    return;
  }
  h1->ex.moved = h2ws__now(h1->env);
  if (h2ws__stream_input(base, data, len) != 0) {
    h2ws__h1_stream_end(h1, H2WS_CLOSE_ABORTED, H2WS_ERR_NOMEM,
                        "no memory for input");
  } else if (is_flooded(h1)) {
    h2ws__h1_fail(h1, H2WS_CLOSE_PROTOCOL, H2WS_ERR_LIMIT,
                  "more bytes arrived unread than the connection may hold "
                  "(stream_window, conn_window)");
  }
}

void h2ws__h1_stream_input_end(struct h2ws__h1 *h1) {
  h2ws_stream *base = &h1->stream->base;
  if (base->rx_end || base->reset_asked) {
    return;
  }
  h2ws__stream_apply(base, H2WS__STREAM_END_RCVD);
  h2ws__stream_input_end(base);
}
