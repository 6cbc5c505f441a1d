#include "lib/io/tunnel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/io/address.h"

#define HEAD_MAX 16384
#define WHY_LEN 160

struct h2ws__tunnel {
  struct h2ws__grave grave; /* first */
  h2ws_loop *loop;
  h2ws__tunnelled *done; /* NULL: done, or cancelled */
  void *user;
  struct event *event;
  int fd;
  char *request; /* NULL: it was sent */
  size_t request_len;
  size_t request_pos;
  size_t head_len; /* bytes in head, all of them taken off the socket */
  char head[HEAD_MAX];
};

static void tunnel_bury(struct h2ws__grave *grave) {
  struct h2ws__tunnel *tunnel = (struct h2ws__tunnel *)(void *)grave;
  free(tunnel);
}

static void tunnel_release(struct h2ws__tunnel *tunnel) {
  tunnel->done = NULL;
  if (tunnel->event != NULL) {
    event_free(tunnel->event);
  }
  if (tunnel->fd >= 0) {
    (void)close(tunnel->fd);
  }
  free(tunnel->request);
  h2ws__loop_bury(tunnel->loop, &tunnel->grave, tunnel_bury);
}

void h2ws__tunnel_cancel(struct h2ws__tunnel *tunnel) {
  if (tunnel != NULL && tunnel->done != NULL) {
    tunnel_release(tunnel);
  }
}

static void tunnel_done(struct h2ws__tunnel *tunnel, int error,
                        const char *why) {
  h2ws__tunnelled *done = tunnel->done;
  void *user = tunnel->user;
  int fd = -1;
  if (error == 0) {
    fd = tunnel->fd;
    tunnel->fd = -1;
  }
  tunnel_release(tunnel);
  done(fd, error, why, user);
}

/* ------------------------------------------------------------------------
 * The answer
 */

/* The status of "HTTP/1.x NNN ...", 0 if it is none. */
static int read_status(const char *head) {
  const char *digits = head + 9;
  if (strncmp(head, "HTTP/1.", 7) != 0 || (head[7] != '0' && head[7] != '1') ||
      head[8] != ' ' || strspn(digits, "0123456789") != 3 ||
      (digits[3] != ' ' && digits[3] != '\r' && digits[3] != '\n')) {
    return 0;
  }
  return (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
}

/* The rest of the first line: status and reason, to be printed. */
static void read_reason(char *out, size_t cap, const char *head) {
  const char *in = head + 9;
  size_t len = strcspn(in, "\r\n");
  size_t i;
  for (i = 0; i < len && i < cap - 1; i++) {
    out[i] = (char)(in[i] < ' ' || in[i] > '~' ? '?' : in[i]);
  }
  out[i] = '\0';
}

static void tunnel_judge(struct h2ws__tunnel *tunnel) {
  char reason[101];
  int status = read_status(tunnel->head);
  char why[WHY_LEN];
  if (status >= 200 && status < 300) {
    tunnel_done(tunnel, 0, "");
  } else if (status >= 100 && status < 200) {
    tunnel->head_len = 0; /* the final answer follows */
  } else if (status == 407) {
    tunnel_done(tunnel, H2WS_ERR_PROXY,
                "it wants a user and a password (407); put them into its URL");
  } else if (status == 0) {
    tunnel_done(tunnel, H2WS_ERR_PROXY, "it does not answer as HTTP/1.1");
  } else {
    read_reason(reason, sizeof(reason), tunnel->head);
    (void)snprintf(why, sizeof(why), "it refused the tunnel: %s", reason);
    tunnel_done(tunnel, H2WS_ERR_PROXY, why);
  }
}

/* The length of the head with its empty line, 0 if that has not come. */
static size_t head_end(const char *head) {
  const char *end = strstr(head, "\r\n\r\n");
  return end == NULL ? 0 : (size_t)(end - head) + 4;
}

/*
 * Takes the head off the socket and not one byte more: what follows belongs
 * to the tunnel.
 */
static void tunnel_read(struct h2ws__tunnel *tunnel) {
  char *at = tunnel->head + tunnel->head_len;
  size_t room = sizeof(tunnel->head) - 1 - tunnel->head_len;
  ssize_t n = recv(tunnel->fd, at, room, MSG_PEEK);
  size_t end;
  size_t take;
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
    return;
  }
  if (n <= 0) {
    tunnel_done(tunnel, H2WS_ERR_PROXY,
                n == 0 && room == 0 ? "its answer is too long"
                                    : "it closed the connection");
    return;
  }
  at[n] = '\0';
  end = head_end(tunnel->head);
  take = end > 0 ? end - tunnel->head_len : (size_t)n;
  if (recv(tunnel->fd, at, take, 0) != (ssize_t)take) {
    tunnel_done(tunnel, H2WS_ERR_PROXY, "it closed the connection");
    return;
  }
  tunnel->head_len += take;
  tunnel->head[tunnel->head_len] = '\0';
  if (end > 0) {
    tunnel_judge(tunnel);
  }
}

/* ------------------------------------------------------------------------
 * The request
 */

static int watch(struct h2ws__tunnel *tunnel, short what);

static void tunnel_write(struct h2ws__tunnel *tunnel) {
  ssize_t n = send(tunnel->fd, tunnel->request + tunnel->request_pos,
                   tunnel->request_len - tunnel->request_pos, MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN && errno != EINTR) {
    tunnel_done(tunnel, H2WS_ERR_PROXY, strerror(errno));
    return;
  }
  tunnel->request_pos += n > 0 ? (size_t)n : 0;
  if (tunnel->request_pos == tunnel->request_len) {
    free(tunnel->request);
    tunnel->request = NULL;
    if (watch(tunnel, EV_READ) != 0) {
      tunnel_done(tunnel, H2WS_ERR_NOMEM, "no memory");
    }
  }
}

static void on_event(evutil_socket_t fd, short what, void *arg) {
  struct h2ws__tunnel *tunnel = arg;
  (void)fd;
  if ((what & EV_WRITE) != 0) {
    tunnel_write(tunnel);
  } else {
    tunnel_read(tunnel);
  }
}

static int watch(struct h2ws__tunnel *tunnel, short what) {
  if (tunnel->event != NULL) {
    event_free(tunnel->event);
  }
  tunnel->event = event_new(tunnel->loop->base, tunnel->fd,
                            (short)(what | EV_PERSIST), on_event, tunnel);
  return tunnel->event != NULL && event_add(tunnel->event, NULL) == 0
           ? 0
           : H2WS_ERR_NOMEM;
}

static int make_request(struct h2ws__tunnel *tunnel, const char *host,
                        const char *port, const char *credentials) {
  bool v6 = strchr(host, ':') != NULL;
  const char *open = v6 ? "[" : "";
  const char *close = v6 ? "]" : "";
  size_t cap =
    2 * strlen(host) + 128 + (credentials == NULL ? 0 : strlen(credentials));
  int n;
  tunnel->request = malloc(cap);
  if (tunnel->request == NULL) {
    return H2WS_ERR_NOMEM;
  }
  n = snprintf(tunnel->request, cap,
               "CONNECT %s%s%s:%s HTTP/1.1\r\nHost: %s%s%s:%s\r\n%s%s%s\r\n",
               open, host, close, port, open, host, close, port,
               credentials == NULL ? "" : "Proxy-Authorization: Basic ",
               credentials == NULL ? "" : credentials,
               credentials == NULL ? "" : "\r\n");
  tunnel->request_len = (size_t)n;
  return 0;
}

int h2ws__tunnel_start(struct h2ws__tunnel **out, h2ws_loop *loop, int fd,
                       const char *host, const char *port,
                       const char *credentials, h2ws__tunnelled *done,
                       void *user) {
  struct h2ws__tunnel *tunnel = calloc(1, sizeof(*tunnel));
  int rv;
  if (tunnel == NULL) {
    (void)close(fd);
    return H2WS_ERR_NOMEM;
  }
  tunnel->loop = loop;
  tunnel->fd = fd;
  tunnel->done = done;
  tunnel->user = user;
  rv = make_request(tunnel, host, port, credentials);
  if (rv == 0) {
    rv = watch(tunnel, EV_WRITE);
  }
  if (rv != 0) {
    tunnel_release(tunnel);
    return rv;
  }
  *out = tunnel;
  return 0;
}
