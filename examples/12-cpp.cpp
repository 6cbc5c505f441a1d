// 12. New: C++. The headers are C++ as they are; a handle fits in a
// unique_ptr. Argument: the URL of an echo server.
#include <h2ws/easy.h>

#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace {

struct closer {
  void operator()(h2ws *c) const { h2ws_close(c); }
};

class websocket {
public:
  explicit websocket(const char *url) : handle(h2ws_connect(url, nullptr)) {
    check(handle ? 0 : h2ws_error_code(nullptr));
  }

  void send(std::string_view text) {
    check(h2ws_send(handle.get(), H2WS_TEXT, text.data(), text.size()));
  }

  std::string recv(int timeout_ms = H2WS_FOREVER) {
    h2ws_msg m{};
    check(h2ws_recv(handle.get(), &m, timeout_ms));
    return {m.data, m.len};
  }

private:
  void check(int error) const {
    if (error != 0) {
      throw std::runtime_error(h2ws_error(handle.get()));
    }
  }

  std::unique_ptr<h2ws, closer> handle;
};

} // namespace

int main(int argc, char **argv) {
  try {
    websocket c(argc > 1 ? argv[1] : "wss://localhost:8443/");
    c.send("hello from C++");
    std::cout << c.recv(5000) << '\n';
  } catch (const std::exception &e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
}
