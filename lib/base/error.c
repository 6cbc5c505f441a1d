#include <h2ws/core.h>

const char *h2ws_version(void) {
  return H2WS_VERSION;
}

const char *h2ws_strerror(int error) {
  switch (error) {
  case 0:
    return "ok";
#define TEXT(name, number, text)                                               \
  case number:                                                                 \
    return text;
    H2WS_ERRORS(TEXT)
#undef TEXT
  default:
    return "unknown error";
  }
}

const char *h2ws_error_name(int error) {
  switch (error) {
  case 0:
    return "0";
#define NAME(name, number, text)                                               \
  case number:                                                                 \
    return "H2WS_ERR_" #name;
    H2WS_ERRORS(NAME)
#undef NAME
  default:
    return "unknown";
  }
}

const char *h2ws_h2_code_name(uint32_t h2_code) {
  switch (h2_code) {
#define NAME(name, number)                                                     \
  case number:                                                                 \
    return #name;
    H2WS_H2_CODES(NAME)
#undef NAME
  default:
    return "unknown code";
  }
}

bool h2ws_error_is_fatal(int error) {
  return error <= H2WS_ERR_FATAL;
}

const char *h2ws_close_class_name(h2ws_close_class cls) {
  switch (cls) {
  case H2WS_CLOSE_CLEAN:
    return "clean";
  case H2WS_CLOSE_REFUSED:
    return "refused";
  case H2WS_CLOSE_ABORTED:
    return "aborted";
  case H2WS_CLOSE_LOST:
    return "lost";
  case H2WS_CLOSE_TIMEOUT:
    return "timeout";
  case H2WS_CLOSE_PROTOCOL:
    return "protocol";
  }
  return "unknown";
}

const char *h2ws_stream_state_name(h2ws_stream_state state) {
  switch (state) {
  case H2WS_STREAM_WAITING:
    return "waiting";
  case H2WS_STREAM_OPENING:
    return "opening";
  case H2WS_STREAM_REQUESTED:
    return "requested";
  case H2WS_STREAM_OPEN:
    return "open";
  case H2WS_STREAM_HALF_LOCAL:
    return "half-closed (local)";
  case H2WS_STREAM_HALF_REMOTE:
    return "half-closed (remote)";
  case H2WS_STREAM_CLOSED:
    return "closed";
  }
  return "unknown";
}
