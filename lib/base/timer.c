#include "lib/base/timer.h"

/*
 * A pairing heap: each timer is due no later than its children. `pprev` is
 * what points to a timer, so that it can be cut out from anywhere.
 */

/* The later of two roots becomes the first child of the other. */
static struct h2ws__timer *heap_meld(struct h2ws__timer *a,
                                     struct h2ws__timer *b) {
  struct h2ws__timer *swap;
  if (a == NULL || b == NULL) {
    return a != NULL ? a : b;
  }
  if (b->at < a->at) {
    swap = a;
    a = b;
    b = swap;
  }
  b->next = a->child;
  if (b->next != NULL) {
    b->next->pprev = &b->next;
  }
  a->child = b;
  b->pprev = &a->child;
  return a;
}

/* Melds a list of siblings into one heap: in pairs, then from the right. */
static struct h2ws__timer *heap_meld_list(struct h2ws__timer *list) {
  struct h2ws__timer *pairs = NULL;
  struct h2ws__timer *root = NULL;
  while (list != NULL) {
    struct h2ws__timer *a = list;
    struct h2ws__timer *b = a->next;
    struct h2ws__timer *pair;
    list = b == NULL ? NULL : b->next;
    a->next = NULL;
    if (b != NULL) {
      b->next = NULL;
    }
    pair = heap_meld(a, b);
    pair->next = pairs;
    pairs = pair;
  }
  while (pairs != NULL) {
    struct h2ws__timer *pair = pairs;
    pairs = pair->next;
    pair->next = NULL;
    root = heap_meld(root, pair);
  }
  return root;
}

bool h2ws__timer_is_set(const struct h2ws__timer *timer) {
  return timer->pprev != NULL;
}

/*
 * Its children take its place, so that it does not matter which heap it is
 * in: while timers fire there are two.
 */
void h2ws__timer_stop(struct h2ws__timers *timers, struct h2ws__timer *timer) {
  struct h2ws__timer *heir;
  (void)timers;
  if (timer->pprev == NULL) {
    return;
  }
  heir = heap_meld_list(timer->child);
  if (heir == NULL) {
    heir = timer->next;
  } else {
    heir->next = timer->next;
    if (heir->next != NULL) {
      heir->next->pprev = &heir->next;
    }
  }
  *timer->pprev = heir;
  if (heir != NULL) {
    heir->pprev = timer->pprev;
  }
  timer->child = NULL;
  timer->next = NULL;
  timer->pprev = NULL;
}

void h2ws__timer_set(struct h2ws__timers *timers, struct h2ws__timer *timer,
                     h2ws_time at) {
  h2ws__timer_stop(timers, timer);
  if (at == H2WS_NEVER) {
    return;
  }
  timer->at = at;
  timers->root = heap_meld(timers->root, timer);
  timers->root->pprev = &timers->root;
  if (timers->root == timer && timers->moved != NULL) {
    timers->moved(timers);
  }
}

h2ws_time h2ws__timers_next(const struct h2ws__timers *timers) {
  return timers->root == NULL ? H2WS_NEVER : timers->root->at;
}

void h2ws__timers_run(struct h2ws__timers *timers, h2ws_time now) {
  /*
   * Due timers move to a heap of their own first. One that fires may stop
   * another, which works there as well; one armed anew waits in `timers`.
   */
  struct h2ws__timers due = {NULL, NULL};
  while (timers->root != NULL && timers->root->at <= now) {
    struct h2ws__timer *timer = timers->root;
    h2ws_time at = timer->at;
    h2ws__timer_stop(timers, timer);
    h2ws__timer_set(&due, timer, at);
  }
  while (due.root != NULL) {
    struct h2ws__timer *timer = due.root;
    h2ws__timer_stop(&due, timer);
    timer->fire(timer);
  }
}

h2ws_time h2ws__deadline_after(h2ws_time now, uint32_t ms) {
  return ms == 0 ? H2WS_NEVER : now + ms * H2WS_MS;
}
