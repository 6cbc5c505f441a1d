/* An intrusive doubly linked list with a sentinel. */
#ifndef H2WS_BASE_LIST_H
#define H2WS_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct h2ws__link {
  struct h2ws__link *prev;
  struct h2ws__link *next;
};

/* The object of `type` whose member `member` is `link`. */
#define H2WS__OWNER(link, type, member)                                        \
  ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void h2ws__list_init(struct h2ws__link *list) {
  list->prev = list;
  list->next = list;
}

static inline bool h2ws__list_is_empty(const struct h2ws__link *list) {
  return list->next == list;
}

/* A zeroed link is in no list. */
static inline bool h2ws__link_is_in(const struct h2ws__link *link) {
  return link->next != NULL;
}

static inline void h2ws__list_push(struct h2ws__link *list,
                                   struct h2ws__link *link) {
  link->prev = list->prev;
  link->next = list;
  list->prev->next = link;
  list->prev = link;
}

static inline void h2ws__link_remove(struct h2ws__link *link) {
  if (link->next == NULL) {
    return;
  }
  link->prev->next = link->next;
  link->next->prev = link->prev;
  link->prev = NULL;
  link->next = NULL;
}

/* The first link, removed; NULL if the list is empty. */
static inline struct h2ws__link *h2ws__list_pop(struct h2ws__link *list) {
  struct h2ws__link *link = list->next;
  if (link == list) {
    return NULL;
  }
  h2ws__link_remove(link);
  return link;
}

#endif
