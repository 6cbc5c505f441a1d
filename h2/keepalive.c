/*
 * Deadlines of the connection: set-up, header blocks, PING, idling, stalled
 * output, and the two steps of a graceful end.
 */
#include <string.h>

#include "h2/session.h"

static const uint8_t ping_opaque[8] = {'h', '2', 'w', 's', 'p', 'i', 'n', 'g'};
static const uint8_t drain_opaque[8] = {'h', '2', 'w', 's', 'd', 'r', 'a', 'n'};

static void arm(struct h2ws__h2 *h2, struct h2ws__timer *timer, h2ws_time from,
                uint32_t ms) {
  if (ms == 0) {
    h2ws__timer_stop(&h2->env->timers, timer);
    return;
  }
  h2ws__timer_set(&h2->env->timers, timer, h2ws__deadline_after(from, ms));
}

/* ------------------------------------------------------------------------
 * Set-up
 */

static void setup_fired(struct h2ws__timer *timer) {
  struct h2ws__h2 *h2 = H2WS__OWNER(timer, struct h2ws__h2, setup_timer);
  h2ws__h2_fail(h2, H2WS_CLOSE_TIMEOUT, H2WS_ERR_TIMEOUT,
                NGHTTP2_SETTINGS_TIMEOUT,
                h2->ready ? "the peer did not acknowledge our SETTINGS "
                            "(ack_timeout_ms)"
                          : "the peer sent no SETTINGS "
                            "(settings_timeout_ms)");
}

void h2ws__h2_settings_received(struct h2ws__h2 *h2, bool ack) {
  if (ack) {
    h2->acked = true;
  } else if (!h2->ready) {
    h2->ready = true;
    arm(h2, &h2->setup_timer, h2->rx.at, h2->options.ack_timeout_ms);
    h2->events->ready(h2->owner, h2ws__h2_has_extended_connect(h2));
  }
  if (h2->acked && h2->ready) {
    h2ws__timer_stop(&h2->env->timers, &h2->setup_timer);
  }
}

/* ------------------------------------------------------------------------
 * Header blocks (RFC 9113 section 6.10: nothing else may come meanwhile)
 */

static void header_fired(struct h2ws__timer *timer) {
  struct h2ws__h2 *h2 = H2WS__OWNER(timer, struct h2ws__h2, header_timer);
  h2ws__h2_fail(h2, H2WS_CLOSE_TIMEOUT, H2WS_ERR_TIMEOUT,
                NGHTTP2_ENHANCE_YOUR_CALM,
                "a header block was begun and not ended "
                "(header_timeout_ms)");
}

void h2ws__h2_watch_header_block(struct h2ws__h2 *h2) {
  const struct h2ws__meter *meter = &h2->rx.meter;
  if (!h2ws__meter_is_in_block(meter)) {
    h2ws__timer_stop(&h2->env->timers, &h2->header_timer);
  } else if (meter->blocks != h2->rx.block_watched) {
    h2->rx.block_watched = meter->blocks;
    arm(h2, &h2->header_timer, h2->rx.at, h2->options.header_timeout_ms);
  }
}

/* ------------------------------------------------------------------------
 * PING
 */

static void ping_fired(struct h2ws__timer *timer) {
  struct h2ws__h2 *h2 = H2WS__OWNER(timer, struct h2ws__h2, ping_timer);
  h2ws_time now = h2ws__now(h2->env);
  h2ws_time due = h2ws__deadline_after(h2->rx.at, h2->options.ping_interval_ms);
  if (h2->ping_sent != 0 && h2->rx.at <= h2->ping_sent) {
    h2ws__h2_fail(h2, H2WS_CLOSE_TIMEOUT, H2WS_ERR_TIMEOUT, NGHTTP2_NO_ERROR,
                  "the peer did not answer an HTTP/2 PING "
                  "(ping_timeout_ms)");
    h2ws__h2_drop(h2); /* nobody is there to read the GOAWAY */
    return;
  }
  h2->ping_sent = 0;
  if (due > now) { /* something arrived meanwhile */
    h2ws__timer_set(&h2->env->timers, timer, due);
    return;
  }
  if (nghttp2_submit_ping(h2->session, NGHTTP2_FLAG_NONE, ping_opaque) == 0) {
    h2->ping_sent = now;
    h2ws__h2_touch(h2);
  }
  arm(h2, timer, now,
      h2->options.ping_timeout_ms > 0 ? h2->options.ping_timeout_ms
                                      : h2->options.ping_interval_ms);
}

void h2ws__h2_pong_received(struct h2ws__h2 *h2, const uint8_t *opaque) {
  if (memcmp(opaque, drain_opaque, sizeof(drain_opaque)) == 0) {
    if (h2->phase == H2WS__H2_DRAINING) {
      h2->drain_timer.fire(&h2->drain_timer);
    }
    return;
  }
  if (h2->ping_sent != 0) {
    h2->env->stats.ping_rtt = h2->rx.at - h2->ping_sent;
    h2->ping_sent = 0;
    arm(h2, &h2->ping_timer, h2->rx.at, h2->options.ping_interval_ms);
  }
}

/* ------------------------------------------------------------------------
 * Idling and stalling
 */

static void idle_fired(struct h2ws__timer *timer) {
  struct h2ws__h2 *h2 = H2WS__OWNER(timer, struct h2ws__h2, idle_timer);
  if (h2->streams_len == 0) {
    h2ws__h2_fail(h2, H2WS_CLOSE_CLEAN, 0, NGHTTP2_NO_ERROR,
                  "nothing was open for a while (idle_timeout_ms)");
  }
}

void h2ws__h2_streams_changed(struct h2ws__h2 *h2) {
  if (h2->phase >= H2WS__H2_FAILED) {
    return;
  }
  if (h2->streams_len > 0) {
    h2ws__timer_stop(&h2->env->timers, &h2->idle_timer);
  } else if (!h2ws__timer_is_set(&h2->idle_timer)) {
    arm(h2, &h2->idle_timer, h2ws__now(h2->env), h2->options.idle_timeout_ms);
  }
}

void h2ws__h2_set_idle_timeout(struct h2ws__h2 *h2, uint32_t ms) {
  h2->options.idle_timeout_ms = ms;
  h2ws__timer_stop(&h2->env->timers, &h2->idle_timer);
  if (h2->phase != H2WS__H2_OVER) {
    h2ws__h2_streams_changed(h2);
  }
}

static void stall_fired(struct h2ws__timer *timer) {
  struct h2ws__h2 *h2 = H2WS__OWNER(timer, struct h2ws__h2, stall_timer);
  h2ws_time due = h2ws__deadline_after(h2->tx.at, h2->options.stall_timeout_ms);
  if (!h2->told || !h2ws__h2_wants_send(h2)) {
    return; /* armed again by the next touch */
  }
  if (due > h2ws__now(h2->env)) {
    h2ws__timer_set(&h2->env->timers, timer, due);
    return;
  }
  h2ws__h2_fail(h2, H2WS_CLOSE_TIMEOUT, H2WS_ERR_TIMEOUT, NGHTTP2_NO_ERROR,
                "the transport took no bytes (stall_timeout_ms)");
  h2ws__h2_drop(h2);
}

/* ------------------------------------------------------------------------
 * Draining (RFC 9113 section 6.8)
 */

static void drain_final(struct h2ws__h2 *h2) {
  int32_t last = nghttp2_session_get_last_proc_stream_id(h2->session);
  h2->phase = H2WS__H2_ENDING;
  if (nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE, last,
                            NGHTTP2_NO_ERROR, NULL, 0) != 0) {
    h2ws__h2_fail(h2, H2WS_CLOSE_ABORTED, H2WS_ERR_NOMEM, NGHTTP2_NO_ERROR,
                  "no memory for a GOAWAY");
    return;
  }
  arm(h2, &h2->drain_timer, h2->drain_from, h2->options.drain_timeout_ms);
  h2->events->drain(h2->owner);
  h2ws__h2_touch(h2);
}

static void drain_fired(struct h2ws__timer *timer) {
  struct h2ws__h2 *h2 = H2WS__OWNER(timer, struct h2ws__h2, drain_timer);
  if (h2->phase == H2WS__H2_DRAINING) {
    drain_final(h2);
  } else if (h2->phase == H2WS__H2_ENDING) {
    h2ws__h2_fail(h2, H2WS_CLOSE_TIMEOUT, H2WS_ERR_TIMEOUT, NGHTTP2_NO_ERROR,
                  "streams were still open when the drain ended "
                  "(drain_timeout_ms)");
  }
}

int h2ws__h2_drain(struct h2ws__h2 *h2) {
  if (h2->phase >= H2WS__H2_FAILED) {
    return H2WS_ERR_CLOSED;
  }
  if (h2->phase != H2WS__H2_RUNNING) {
    return 0;
  }
  h2->drain_from = h2ws__now(h2->env);
  if (!h2->server || !h2->ready) {
    drain_final(h2);
    return 0;
  }
  h2->phase = H2WS__H2_DRAINING; /* whatever fails: the timer goes on */
  h2ws__timer_set(&h2->env->timers, &h2->drain_timer,
                  h2ws__now(h2->env) + h2->options.goaway_delay_ms * H2WS_MS);
  if (nghttp2_submit_shutdown_notice(h2->session) != 0 ||
      nghttp2_submit_ping(h2->session, NGHTTP2_FLAG_NONE, drain_opaque) != 0) {
    return H2WS_ERR_NOMEM;
  }
  h2ws__h2_touch(h2);
  return 0;
}

/* ------------------------------------------------------------------------
 * All of them
 */

/* The tick that fires timers settles afterwards. */
static void settle_fired(struct h2ws__timer *timer) {
  (void)timer;
}

void h2ws__h2_start_timers(struct h2ws__h2 *h2) {
  h2ws_time now = h2ws__now(h2->env);
  h2->rx.at = now;
  h2->tx.at = now;
  h2->setup_timer.fire = setup_fired;
  h2->header_timer.fire = header_fired;
  h2->ping_timer.fire = ping_fired;
  h2->idle_timer.fire = idle_fired;
  h2->stall_timer.fire = stall_fired;
  h2->drain_timer.fire = drain_fired;
  h2->settle_timer.fire = settle_fired;
  arm(h2, &h2->setup_timer, now, h2->options.settings_timeout_ms);
  arm(h2, &h2->ping_timer, now, h2->options.ping_interval_ms);
  arm(h2, &h2->idle_timer, now, h2->options.idle_timeout_ms);
}

void h2ws__h2_stop_timers(struct h2ws__h2 *h2) {
  struct h2ws__timer *timers[] = {
    &h2->setup_timer, &h2->header_timer, &h2->ping_timer,  &h2->idle_timer,
    &h2->stall_timer, &h2->drain_timer,  &h2->settle_timer};
  size_t i;
  for (i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
    h2ws__timer_stop(&h2->env->timers, timers[i]);
  }
}
