#include "lib/easy/engine.h"

#include <errno.h>
#include <event2/event.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/easy/handle.h"

/* How long exit() waits for a callback of the program's that does not end. */
#define STOP_SECONDS 2

static struct {
  pthread_mutex_t mutex; /* for all that is not atomic */
  h2ws_loop *loop;       /* NULL: not started */
  struct event *wake_event;
  pthread_t thread;
  struct h2ws__task *first;
  struct h2ws__task **last;
  atomic_int wake_fd;
  atomic_bool cancelled; /* some handle was */
  atomic_bool over;
  atomic_bool forked;
} engine = {.mutex = PTHREAD_MUTEX_INITIALIZER, .wake_fd = -1};

static _Thread_local bool here;

bool h2ws__engine_is_here(void) {
  return here;
}

bool h2ws__engine_over(void) {
  return atomic_load(&engine.over);
}

bool h2ws__engine_forked(void) {
  return atomic_load(&engine.forked);
}

h2ws_loop *h2ws__engine_loop(void) {
  h2ws_loop *loop;
  (void)pthread_mutex_lock(&engine.mutex);
  loop = engine.loop;
  (void)pthread_mutex_unlock(&engine.mutex);
  return loop;
}

/* ------------------------------------------------------------------------
 * Tasks
 */

static void engine_wake(void) {
  int saved = errno; /* signal handlers come through here */
  uint64_t one = 1;
  /* Fails only by overflow, and then it is readable already. */
  if (write(atomic_load(&engine.wake_fd), &one, sizeof(one)) < 0) {
    one = 0;
  }
  errno = saved;
}

void h2ws__engine_cancelled(void) {
  atomic_store(&engine.cancelled, true);
  engine_wake();
}

bool h2ws__engine_kick(struct h2ws__task *task) {
  bool first;
  (void)pthread_mutex_lock(&engine.mutex);
  if (task->listed) {
    (void)pthread_mutex_unlock(&engine.mutex);
    return false;
  }
  first = engine.first == NULL;
  task->listed = true;
  task->next = NULL;
  *engine.last = task;
  engine.last = &task->next;
  (void)pthread_mutex_unlock(&engine.mutex);
  if (first) {
    engine_wake();
  }
  return true;
}

static struct h2ws__task *engine_next(void) {
  struct h2ws__task *task;
  (void)pthread_mutex_lock(&engine.mutex);
  task = engine.first;
  if (task != NULL) {
    engine.first = task->next;
    if (engine.first == NULL) {
      engine.last = &engine.first;
    }
    task->listed = false;
  }
  (void)pthread_mutex_unlock(&engine.mutex);
  return task;
}

static void on_wake(evutil_socket_t fd, short what, void *arg) {
  struct h2ws__task *task;
  uint64_t count;
  (void)what;
  (void)arg;
  if (read(fd, &count, sizeof(count)) < 0) {
    count = 0; /* nobody called */
  }
  if (atomic_exchange(&engine.cancelled, false)) {
    h2ws__handles_wake_cancelled();
  }
  while ((task = engine_next()) != NULL) {
    task->run(task);
  }
}

/* ------------------------------------------------------------------------
 * Start
 */

static void *engine_main(void *arg) {
  here = true;
  (void)h2ws_loop_run(arg);
  return NULL;
}

/* The hidden thread must be still before OpenSSL cleans up behind it. */
static void engine_stop(void) {
  struct timespec until;
  if (h2ws__engine_forked() || here) {
    return;
  }
  atomic_store(&engine.over, true);
  (void)h2ws_loop_stop(h2ws__engine_loop());
  (void)clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += STOP_SECONDS;
  (void)pthread_timedjoin_np(engine.thread, NULL, &until);
  h2ws__handles_wake_all();
}

/* The threads are gone, and a mutex may be left locked: touch nothing. */
static void on_fork_child(void) {
  atomic_store(&engine.forked, true);
}

static int engine_hooks(void) {
  static bool done;
  if (done) {
    return 0;
  }
  /* Its own exit handler is registered here, to run behind ours. */
  if (OPENSSL_init_ssl(0, NULL) != 1 ||
      pthread_atfork(NULL, NULL, on_fork_child) != 0 ||
      atexit(engine_stop) != 0) {
    return H2WS_ERR_NOMEM;
  }
  done = true;
  return 0;
}

static int engine_thread(void) {
  sigset_t all;
  sigset_t old;
  int rv;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &old);
  rv = pthread_create(&engine.thread, NULL, engine_main, engine.loop);
  (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
  return rv == 0 ? 0 : H2WS_ERR_IO;
}

static int engine_build(void) {
  int fd;
  int rv = h2ws_loop_new(&engine.loop, NULL);
  if (rv != 0) {
    return rv;
  }
  fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) {
    return H2WS_ERR_IO;
  }
  atomic_store(&engine.wake_fd, fd);
  engine.wake_event = event_new(h2ws_loop_base(engine.loop), fd,
                                EV_READ | EV_PERSIST, on_wake, NULL);
  if (engine.wake_event == NULL || event_add(engine.wake_event, NULL) != 0) {
    return H2WS_ERR_NOMEM;
  }
  engine.last = &engine.first;
  rv = engine_hooks();
  return rv != 0 ? rv : engine_thread();
}

static void engine_unbuild(void) {
  int fd = atomic_exchange(&engine.wake_fd, -1);
  if (engine.wake_event != NULL) {
    event_free(engine.wake_event);
    engine.wake_event = NULL;
  }
  if (fd >= 0) {
    (void)close(fd);
  }
  h2ws_loop_free(engine.loop);
  engine.loop = NULL;
}

int h2ws__engine_start(void) {
  int rv = 0;
  if (h2ws__engine_forked() || h2ws__engine_over()) {
    return H2WS_ERR_STATE;
  }
  (void)pthread_mutex_lock(&engine.mutex);
  if (engine.loop == NULL) {
    rv = engine_build();
    if (rv != 0) {
      engine_unbuild();
    }
  }
  (void)pthread_mutex_unlock(&engine.mutex);
  return rv;
}
