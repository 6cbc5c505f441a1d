/* When to connect again (RFC 6455 section 7.2.3), and whether. */
#include <h2ws/core.h>
#include <string.h>

static const h2ws_backoff standard = {
  .size = sizeof(h2ws_backoff),
  .first_ms = 5000,
  .max_ms = 60000,
};

void h2ws_backoff_default(h2ws_backoff *backoff, size_t size) {
  if (backoff != NULL) {
    memcpy(backoff, &standard,
           size < sizeof(standard) ? size : sizeof(standard));
    backoff->size = size;
  }
}

uint32_t h2ws_backoff_wait(const h2ws_backoff *backoff, unsigned attempt,
                           uint32_t random) {
  uint64_t longest;
  uint64_t shortest;
  if (backoff == NULL) {
    return 0;
  }
  longest = (uint64_t)backoff->first_ms << (attempt < 32 ? attempt : 32);
  longest = longest < backoff->max_ms ? longest : backoff->max_ms;
  shortest = attempt == 0 ? 0 : longest / 2;
  return (uint32_t)(shortest + random % (longest - shortest + 1));
}

uint32_t h2ws_backoff_ms(unsigned attempt, uint32_t random) {
  return h2ws_backoff_wait(&standard, attempt, random);
}

static bool helps_with_code(uint16_t code) {
  /* RFC 6455 section 7.4.1 and the registry: away, failed, restarts, busy. */
  return code == 1001 || (code >= 1011 && code <= 1014);
}

static bool helps_with_status(int status) {
  return status == 408 || status == 425 || status == 429 ||
         (status >= 500 && status != 501 && status != 505);
}

static bool helps_with_error(int error) {
  switch (error) {
  case H2WS_ERR_RETRY:
  case H2WS_ERR_EXHAUSTED:
  case H2WS_ERR_GOING_AWAY:
  case H2WS_ERR_RESET:
  case H2WS_ERR_LOST:
  case H2WS_ERR_TIMEOUT:
  case H2WS_ERR_RESOLVE:
  case H2WS_ERR_CONNECT:
  case H2WS_ERR_TLS:
  case H2WS_ERR_IO:
  case H2WS_ERR_PROXY:
    return true;
  default:
    return false;
  }
}

bool h2ws_backoff_helps(const h2ws_close_info *info) {
  if (info == NULL || info->cls == H2WS_CLOSE_ABORTED) {
    return false;
  }
  if (info->cls == H2WS_CLOSE_CLEAN) {
    return info->by_peer && helps_with_code(info->code);
  }
  return info->status != 0 ? helps_with_status(info->status)
                           : helps_with_error(info->error);
}
