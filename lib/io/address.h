/* Where to listen and where to connect: texts to socket addresses. */
#ifndef H2WS_IO_ADDRESS_H
#define H2WS_IO_ADDRESS_H

#include <h2ws/event.h>
#include <sys/socket.h>

#define H2WS__HOST_MAX 256
#define H2WS__ADDRESS_TEXT 128

/* "HOST:PORT" or "[v6]:PORT", cut in two. H2WS_ERR_INVALID. */
int h2ws__address_split(const char *text, char host[H2WS__HOST_MAX],
                        char port[8]);

/* A socket that listens there; `why` gets a sentence on failure. */
int h2ws__address_listen(const char *text, bool reuse_port, int *out, char *why,
                         size_t why_len);

/* "unix:PATH" starts with this. */
#define H2WS__UNIX_PREFIX "unix:"
bool h2ws__address_is_unix(const char *text);

/* The local or the peer's address of a socket, as text. */
void h2ws__address_text(const struct sockaddr *addr, socklen_t len, char *out,
                        size_t out_len);

/* A connected Unix socket. */
int h2ws__address_connect_unix(const char *path, int *out);

/* What a client's URL says. */
struct h2ws__url {
  bool secure;
  bool websocket;            /* ws or wss */
  char host[H2WS__HOST_MAX]; /* without brackets */
  char port[8];
  char *authority; /* for :authority; default ports left out */
  char *path;      /* with the query */
};

/* H2WS_ERR_URL with a sentence, H2WS_ERR_NOMEM. */
int h2ws__url_parse(struct h2ws__url *out, const char *text, char *why,
                    size_t why_len);
void h2ws__url_dispose(struct h2ws__url *url);

#endif
