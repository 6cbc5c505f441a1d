#include "lib/io/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

int h2ws__address_split(const char *text, char host[H2WS__HOST_MAX],
                        char port[8]) {
  const char *colon = strrchr(text, ':');
  size_t host_len;
  size_t port_len;
  if (colon == NULL) {
    return H2WS_ERR_INVALID;
  }
  host_len = (size_t)(colon - text);
  port_len = strlen(colon + 1);
  if (host_len > 1 && text[0] == '[' && colon[-1] == ']') {
    text++;
    host_len -= 2;
  }
  if (host_len >= H2WS__HOST_MAX || port_len == 0 || port_len > 5 ||
      strspn(colon + 1, "0123456789") != port_len ||
      strtoul(colon + 1, NULL, 10) > UINT16_MAX) {
    return H2WS_ERR_INVALID;
  }
  memcpy(host, text, host_len);
  host[host_len] = '\0';
  memcpy(port, colon + 1, port_len + 1);
  return 0;
}

static int unix_address(const char *path, struct sockaddr_un *addr,
                        socklen_t *len) {
  size_t n = strlen(path);
  if (n == 0 || n >= sizeof(addr->sun_path)) {
    return H2WS_ERR_INVALID;
  }
  memset(addr, 0, sizeof(*addr));
  addr->sun_family = AF_UNIX;
  memcpy(addr->sun_path, path, n + 1);
  *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
  return 0;
}

static int listen_on(const struct sockaddr *addr, socklen_t len,
                     bool reuse_port) {
  int on = 1;
  int fd =
    socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return -1;
  }
  if (addr->sa_family != AF_UNIX) {
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (reuse_port) {
      (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    }
  }
  if (bind(fd, addr, len) != 0 || listen(fd, BACKLOG) != 0) {
    int error = errno;
    (void)close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

/*
 * A socket file that a server left behind: nobody takes connections there. To
 * other files connect() says the same.
 */
static bool unix_is_stale(const struct sockaddr_un *addr, socklen_t len) {
  struct stat st;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  bool stale =
    fd >= 0 &&
    connect(fd, (const struct sockaddr *)(const void *)addr, len) != 0 &&
    errno == ECONNREFUSED && lstat(addr->sun_path, &st) == 0 &&
    S_ISSOCK(st.st_mode);
  if (fd >= 0) {
    (void)close(fd);
  }
  errno = EADDRINUSE;
  return stale;
}

static int listen_unix(const char *path, int *out) {
  struct sockaddr_un addr;
  socklen_t len = 0;
  if (unix_address(path, &addr, &len) != 0) {
    return H2WS_ERR_INVALID;
  }
  *out = listen_on((const struct sockaddr *)(const void *)&addr, len, false);
  if (*out < 0 && errno == EADDRINUSE && unix_is_stale(&addr, len)) {
    (void)unlink(path);
    *out = listen_on((const struct sockaddr *)(const void *)&addr, len, false);
  }
  return *out < 0 ? H2WS_ERR_IO : 0;
}

static int listen_tcp(const char *text, bool reuse_port, int *out, char *why,
                      size_t why_len) {
  char host[H2WS__HOST_MAX];
  char port[8];
  struct addrinfo hints = {0};
  struct addrinfo *list = NULL;
  struct addrinfo *ai;
  int rv;
  if (h2ws__address_split(text, host, port) != 0) {
    (void)snprintf(why, why_len, "'%s' is not HOST:PORT", text);
    return H2WS_ERR_INVALID;
  }
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  rv = getaddrinfo(host[0] == '\0' ? NULL : host, port, &hints, &list);
  if (rv != 0) {
    (void)snprintf(why, why_len, "%s does not resolve: %s", host,
                   gai_strerror(rv));
    return H2WS_ERR_RESOLVE;
  }
  *out = -1;
  for (ai = list; ai != NULL && *out < 0; ai = ai->ai_next) {
    *out = listen_on(ai->ai_addr, ai->ai_addrlen, reuse_port);
  }
  rv = errno;
  freeaddrinfo(list);
  if (*out < 0) {
    (void)snprintf(why, why_len, "cannot listen on %s: %s", text, strerror(rv));
    return H2WS_ERR_IO;
  }
  return 0;
}

bool h2ws__address_is_unix(const char *text) {
  return strncmp(text, H2WS__UNIX_PREFIX, strlen(H2WS__UNIX_PREFIX)) == 0;
}

int h2ws__address_listen(const char *text, bool reuse_port, int *out, char *why,
                         size_t why_len) {
  int rv;
  if (!h2ws__address_is_unix(text)) {
    return listen_tcp(text, reuse_port, out, why, why_len);
  }
  rv = listen_unix(text + strlen(H2WS__UNIX_PREFIX), out);
  if (rv != 0) {
    (void)snprintf(why, why_len, "cannot listen on %s: %s", text,
                   rv == H2WS_ERR_IO ? strerror(errno) : "path too long");
  }
  return rv;
}

void h2ws__address_text(const struct sockaddr *addr, socklen_t len, char *out,
                        size_t out_len) {
  char host[64];
  char port[8];
  if (addr->sa_family == AF_UNIX) {
    const struct sockaddr_un *un =
      (const struct sockaddr_un *)(const void *)addr;
    size_t path = offsetof(struct sockaddr_un, sun_path);
    (void)snprintf(out, out_len, H2WS__UNIX_PREFIX "%.*s",
                   len > path ? (int)(len - path) : 0, un->sun_path);
    return;
  }
  if (getnameinfo(addr, len, host, sizeof(host), port, sizeof(port),
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    (void)snprintf(out, out_len, "unknown");
    return;
  }
  (void)snprintf(out, out_len,
                 addr->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

int h2ws__address_connect_unix(const char *path, int *out) {
  struct sockaddr_un addr;
  socklen_t len = 0;
  int fd;
  if (unix_address(path, &addr, &len) != 0) {
    return H2WS_ERR_INVALID;
  }
  fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return H2WS_ERR_IO;
  }
  if (connect(fd, (const struct sockaddr *)(const void *)&addr, len) != 0) {
    int error = errno;
    (void)close(fd);
    errno = error;
    return H2WS_ERR_CONNECT;
  }
  *out = fd;
  return 0;
}
