#include "lib/io/sessions.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SESSIONS_MAX 64
#define SESSIONS_PER_KEY 4

struct h2ws__session_entry {
  struct h2ws__session_entry *next; /* older */
  SSL_SESSION *session;
  char key[];
};

static void remove_at(struct h2ws__session_entry **at) {
  struct h2ws__session_entry *entry = *at;
  *at = entry->next;
  SSL_SESSION_free(entry->session);
  free(entry);
}

/* Makes room: the oldest go, of this key and of all. */
static void sessions_trim(struct h2ws__sessions *sessions, const char *key) {
  struct h2ws__session_entry **at = &sessions->newest;
  size_t all = 0;
  size_t same = 0;
  while (*at != NULL) {
    bool is_same = strcmp((*at)->key, key) == 0;
    if (all + 1 >= SESSIONS_MAX || (is_same && same + 1 >= SESSIONS_PER_KEY)) {
      remove_at(at);
      continue;
    }
    all++;
    same += is_same ? 1 : 0;
    at = &(*at)->next;
  }
}

bool h2ws__sessions_keep(struct h2ws__sessions *sessions, const char *key,
                         SSL_SESSION *session) {
  size_t len = strlen(key) + 1;
  struct h2ws__session_entry *entry = malloc(sizeof(*entry) + len);
  if (entry == NULL) {
    return false;
  }
  sessions_trim(sessions, key);
  memcpy(entry->key, key, len);
  entry->session = session;
  entry->next = sessions->newest;
  sessions->newest = entry;
  return true;
}

/* OpenSSL calls a session of which a connection failed not resumable. */
static bool is_usable(const SSL_SESSION *session) {
  long age = (long)time(NULL) - SSL_SESSION_get_time(session);
  return SSL_SESSION_is_resumable(session) == 1 && age >= 0 &&
         age < SSL_SESSION_get_timeout(session);
}

/* RFC 8446 appendix C.4: a ticket that is seen twice tells who comes back. */
static SSL_SESSION *give_out(struct h2ws__session_entry **at) {
  SSL_SESSION *session = (*at)->session;
  SSL_SESSION_up_ref(session);
  if (SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION) {
    remove_at(at);
  }
  return session;
}

SSL_SESSION *h2ws__sessions_take(struct h2ws__sessions *sessions,
                                 const char *key) {
  struct h2ws__session_entry **at = &sessions->newest;
  while (*at != NULL) {
    if (strcmp((*at)->key, key) != 0) {
      at = &(*at)->next;
    } else if (is_usable((*at)->session)) {
      return give_out(at);
    } else {
      remove_at(at);
    }
  }
  return NULL;
}

void h2ws__sessions_dispose(struct h2ws__sessions *sessions) {
  while (sessions->newest != NULL) {
    remove_at(&sessions->newest);
  }
}
