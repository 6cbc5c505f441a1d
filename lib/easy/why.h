/* Sentences about errors: step, cause, the peer's words, what to try. */
#ifndef H2WS_EASY_WHY_H
#define H2WS_EASY_WHY_H

#include <h2ws/easy.h>

#define H2WS__WHY_LEN 768

/* How something ended. */
struct h2ws__end {
  int error; /* 0: in good order */
  uint16_t code;
  char reason[124];
  char text[H2WS__WHY_LEN];
};

/*
 * Puts it in words. `where`: the URL or the peer. `opened`: it had been open.
 */
void h2ws__why_ended(struct h2ws__end *end, const char *where, bool opened,
                     const h2ws_close_info *info);

/* The same for an error without a peer. `cause` may be NULL. */
void h2ws__why_failed(struct h2ws__end *end, const char *where, int error,
                      const char *cause);

/* A copy of a URL, to be freed, without a password that is in it. NULL: none.
 */
char *h2ws__why_where(const char *url);

/* What h2ws_error() says on this thread from now on. Returns `error`. */
int h2ws__why_set(const h2ws *name, int error, const char *format, ...)
  __attribute__((format(printf, 3, 4)));

/* What was set last. */
struct h2ws__why {
  const h2ws *name;
  int error; /* 0: nothing was set */
  char text[H2WS__WHY_LEN];
};
const struct h2ws__why *h2ws__why_last(void);

#endif
