#include "lib/io/race.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/io/resolve.h"
#include "lib/io/tunnel.h"

#define ADDRESSES_MAX 16
#define WHY_LEN 320

/* RFC 8305 section 5: the Connection Attempt Delay. */
#define ATTEMPT_DELAY_US 250000

struct attempt {
  struct h2ws__race *race;
  const struct addrinfo *address;
  struct event *event;
  int fd; /* -1: over, or not begun */
};

struct h2ws__race {
  struct h2ws__grave grave; /* first */
  h2ws_loop *loop;
  struct h2ws__race_target target;
  h2ws__raced *done; /* NULL: done, or cancelled */
  void *user;
  struct h2ws__resolve *resolve;
  struct addrinfo *addresses;
  struct attempt attempts[ADDRESSES_MAX]; /* in the order of trying */
  size_t attempts_len;
  size_t begun;
  size_t under_way;
  struct event *deadline;
  struct event *stagger; /* begins the next attempt */
  struct h2ws__tunnel *tunnel;
  char peer[H2WS__ADDRESS_TEXT];
  int error; /* of the last attempt */
  char why[WHY_LEN];
};

static void race_explain(struct h2ws__race *race, int error, const char *format,
                         ...) __attribute__((format(printf, 3, 4)));

static void race_explain(struct h2ws__race *race, int error, const char *format,
                         ...) {
  va_list args;
  race->error = error;
  va_start(args, format);
  /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it was begun */
  (void)vsnprintf(race->why, sizeof(race->why), format, args);
  va_end(args);
}

/* Whom the TCP connection goes to. */
static const char *race_host(const struct h2ws__race *race) {
  return race->target.proxy != NULL ? race->target.proxy->host
                                    : race->target.host;
}

/* ------------------------------------------------------------------------
 * The end
 */

static void attempt_end(struct attempt *attempt) {
  if (attempt->event != NULL) {
    event_free(attempt->event);
    attempt->event = NULL;
  }
  if (attempt->fd >= 0) {
    (void)close(attempt->fd);
    attempt->fd = -1;
    attempt->race->under_way--;
  }
}

static void race_bury(struct h2ws__grave *grave) {
  struct h2ws__race *race = (struct h2ws__race *)(void *)grave;
  free(race);
}

/* Lets go of everything; the memory stays until the end of the turn. */
static void race_release(struct h2ws__race *race) {
  size_t i;
  race->done = NULL;
  h2ws__resolve_cancel(race->resolve);
  h2ws__tunnel_cancel(race->tunnel);
  for (i = 0; i < race->begun; i++) {
    attempt_end(&race->attempts[i]);
  }
  if (race->deadline != NULL) {
    event_free(race->deadline);
  }
  if (race->stagger != NULL) {
    event_free(race->stagger);
  }
  if (race->addresses != NULL) {
    freeaddrinfo(race->addresses);
  }
  h2ws__loop_bury(race->loop, &race->grave, race_bury);
}

static void race_done(struct h2ws__race *race, int fd) {
  h2ws__raced *done = race->done;
  void *user = race->user;
  race_release(race);
  done(fd, race->peer, fd < 0 ? race->error : 0, race->why, user);
}

void h2ws__race_cancel(struct h2ws__race *race) {
  if (race != NULL && race->done != NULL) {
    race_release(race);
  }
}

static void on_deadline(evutil_socket_t fd, short what, void *arg) {
  struct h2ws__race *race = arg;
  (void)fd;
  (void)what;
  if (race->resolve != NULL) {
    race_explain(race, H2WS_ERR_TIMEOUT, "%s did not resolve in time",
                 race_host(race));
  } else {
    race_explain(race, H2WS_ERR_TIMEOUT, "%s (%s%s): no answer in time",
                 race->target.host, race->tunnel != NULL ? "proxy " : "",
                 race->peer);
  }
  race_done(race, -1);
}

/* ------------------------------------------------------------------------
 * The proxy
 */

static void on_tunnel(int fd, int error, const char *why, void *user) {
  struct h2ws__race *race = user;
  race->tunnel = NULL;
  if (fd < 0) {
    race_explain(race, error, "%s (proxy %s): %s", race->target.host,
                 race->peer, why);
  }
  race_done(race, fd);
}

/* Connected, to the target or to the proxy. */
static void race_connected(struct h2ws__race *race, int fd) {
  size_t i;
  int rv;
  for (i = 0; i < race->begun; i++) {
    attempt_end(&race->attempts[i]);
  }
  (void)event_del(race->stagger);
  if (race->target.proxy == NULL) {
    race_done(race, fd);
    return;
  }
  rv = h2ws__tunnel_start(&race->tunnel, race->loop, fd, race->target.host,
                          race->target.port, race->target.proxy->credentials,
                          on_tunnel, race);
  if (rv != 0) {
    race_explain(race, rv, "no memory");
    race_done(race, -1);
  }
}

/* ------------------------------------------------------------------------
 * The race
 */

static void next_attempt(struct h2ws__race *race);

static void attempt_failed(struct attempt *attempt, int error) {
  struct h2ws__race *race = attempt->race;
  char peer[H2WS__ADDRESS_TEXT];
  h2ws__address_text(attempt->address->ai_addr, attempt->address->ai_addrlen,
                     peer, sizeof(peer));
  race_explain(race, H2WS_ERR_CONNECT, "%s (%s): %s", race->target.host, peer,
               strerror(error));
  attempt_end(attempt);
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
  struct attempt *attempt = arg;
  struct h2ws__race *race = attempt->race;
  int error = 0;
  socklen_t len = sizeof(error);
  (void)what;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
    error = errno;
  }
  if (error != 0) {
    attempt_failed(attempt, error);
    next_attempt(race);
    return;
  }
  h2ws__address_text(attempt->address->ai_addr, attempt->address->ai_addrlen,
                     race->peer, sizeof(race->peer));
  attempt->fd = -1; /* it is the winner's now */
  race->under_way--;
  race_connected(race, fd);
}

/* True if the attempt is under way. */
static bool attempt_begin(struct attempt *attempt) {
  const struct addrinfo *ai = attempt->address;
  struct h2ws__race *race = attempt->race;
  attempt->fd =
    socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (attempt->fd < 0) {
    race_explain(race, H2WS_ERR_IO, "no socket: %s", strerror(errno));
    return false;
  }
  race->under_way++;
  h2ws__address_text(ai->ai_addr, ai->ai_addrlen, race->peer,
                     sizeof(race->peer));
  if (connect(attempt->fd, ai->ai_addr, ai->ai_addrlen) != 0 &&
      errno != EINPROGRESS) {
    attempt_failed(attempt, errno);
    return false;
  }
  attempt->event =
    event_new(race->loop->base, attempt->fd, EV_WRITE, on_writable, attempt);
  if (attempt->event == NULL || event_add(attempt->event, NULL) != 0) {
    race_explain(race, H2WS_ERR_NOMEM, "no memory");
    attempt_end(attempt);
    return false;
  }
  return true;
}

/* Begins the next attempt; over when all have failed. */
static void next_attempt(struct h2ws__race *race) {
  static const struct timeval delay = {0, ATTEMPT_DELAY_US};
  while (race->begun < race->attempts_len) {
    if (attempt_begin(&race->attempts[race->begun++])) {
      (void)event_add(race->stagger, &delay);
      return;
    }
  }
  if (race->under_way == 0) {
    race_done(race, -1);
  }
}

static void on_stagger(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  next_attempt(arg);
}

/* The next address of this family (or of any other) from `ai` on. */
static const struct addrinfo *next_of(const struct addrinfo *ai, int family,
                                      bool other) {
  while (ai != NULL && (ai->ai_family == family) == other) {
    ai = ai->ai_next;
  }
  return ai;
}

/*
 * RFC 8305 section 4: the families take turns, beginning with the one that
 * the system's order (RFC 6724) puts first.
 */
static void order_attempts(struct h2ws__race *race,
                           const struct addrinfo *list) {
  int family = list->ai_family;
  const struct addrinfo *same = list;
  const struct addrinfo *other = next_of(list, family, /* other = */ true);
  bool turn = true;
  while ((same != NULL || other != NULL) &&
         race->attempts_len < ADDRESSES_MAX) {
    bool use_same = other == NULL || (turn && same != NULL);
    struct attempt *attempt = &race->attempts[race->attempts_len++];
    attempt->race = race;
    attempt->fd = -1;
    attempt->address = use_same ? same : other;
    if (use_same) {
      same = next_of(same->ai_next, family, /* other = */ false);
    } else {
      other = next_of(other->ai_next, family, /* other = */ true);
    }
    turn = !turn;
  }
}

static void on_resolved(struct addrinfo *list, int error, void *user) {
  struct h2ws__race *race = user;
  race->resolve = NULL;
  if (error != 0) {
    race_explain(race, H2WS_ERR_RESOLVE, "%s does not resolve: %s",
                 race_host(race), gai_strerror(error));
    race_done(race, -1);
    return;
  }
  race->addresses = list;
  order_attempts(race, list);
  next_attempt(race);
}

/* ------------------------------------------------------------------------
 * Life
 */

static int race_prepare(struct h2ws__race *race) {
  const struct h2ws__race_target *target = &race->target;
  struct timeval tv;
  race->deadline = event_new(race->loop->base, -1, 0, on_deadline, race);
  race->stagger = event_new(race->loop->base, -1, 0, on_stagger, race);
  if (race->deadline == NULL || race->stagger == NULL) {
    return H2WS_ERR_NOMEM;
  }
  tv.tv_sec = (time_t)(target->timeout_ms / 1000);
  tv.tv_usec = (suseconds_t)(target->timeout_ms % 1000) * 1000;
  if (target->timeout_ms > 0 && event_add(race->deadline, &tv) != 0) {
    return H2WS_ERR_NOMEM;
  }
  return h2ws__resolve_start(&race->resolve, race->loop, race_host(race),
                             target->proxy != NULL ? target->proxy->port
                                                   : target->port,
                             on_resolved, race);
}

int h2ws__race_start(struct h2ws__race **out, h2ws_loop *loop,
                     const struct h2ws__race_target *target, h2ws__raced *done,
                     void *user) {
  struct h2ws__race *race = calloc(1, sizeof(*race));
  int rv;
  if (race == NULL) {
    return H2WS_ERR_NOMEM;
  }
  race->loop = loop;
  race->target = *target;
  race->done = done;
  race->user = user;
  race_explain(race, H2WS_ERR_RESOLVE, "%s has no address", target->host);
  rv = race_prepare(race);
  if (rv != 0) {
    race_release(race);
    return rv;
  }
  *out = race;
  return 0;
}
