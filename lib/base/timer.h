/*
 * Deadlines: a pairing heap of timers that live inside their owners, so that
 * arming one allocates nothing and cannot fail. A zeroed timer is stopped.
 */
#ifndef H2WS_BASE_TIMER_H
#define H2WS_BASE_TIMER_H

#include <h2ws/core.h>

struct h2ws__timer {
  h2ws_time at;
  struct h2ws__timer *child;  /* first child */
  struct h2ws__timer *next;   /* next sibling */
  struct h2ws__timer **pprev; /* what points to this one; NULL: stopped */
  void (*fire)(struct h2ws__timer *timer);
};

struct h2ws__timers {
  struct h2ws__timer *root;
  /* The earliest deadline moved to an earlier time; may be NULL. */
  void (*moved)(struct h2ws__timers *timers);
};

/* Arms or moves a timer. `timer->fire` must be set. */
void h2ws__timer_set(struct h2ws__timers *timers, struct h2ws__timer *timer,
                     h2ws_time at);
void h2ws__timer_stop(struct h2ws__timers *timers, struct h2ws__timer *timer);
bool h2ws__timer_is_set(const struct h2ws__timer *timer);

/* The earliest deadline, H2WS_NEVER if there is none. */
h2ws_time h2ws__timers_next(const struct h2ws__timers *timers);

/*
 * Fires each timer whose time has come, once, earliest first. Timers armed
 * by a firing one for a time not after `now` wait for the next call, so that
 * a clock that jumps causes no burst.
 */
void h2ws__timers_run(struct h2ws__timers *timers, h2ws_time now);

/* `now` plus an option in milliseconds, where 0 is off: H2WS_NEVER. */
h2ws_time h2ws__deadline_after(h2ws_time now, uint32_t ms);

#endif
