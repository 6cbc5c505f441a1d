/*
 * 11. New: JSON, with jansson. {"id": 1, "add": [2, 3]} is answered with
 * {"id": 1, "sum": 5}. Argument: where to serve.
 */
#include <h2ws/easy.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *answer_to(const json_t *request) {
  const json_t *numbers = json_object_get(request, "add");
  json_int_t sum = 0;
  size_t i;
  if (!json_is_array(numbers)) {
    return json_pack("{s:s}", "error", "'add' must be an array");
  }
  for (i = 0; i < json_array_size(numbers); i++) {
    sum += json_integer_value(json_array_get(numbers, i));
  }
  return json_pack("{s:O?, s:I}", "id", json_object_get(request, "id"), "sum",
                   sum);
}

static void calculate(h2ws *c, void *user) {
  h2ws_msg m;
  (void)user;
  while (h2ws_recv(c, &m, H2WS_FOREVER) == 0) {
    json_error_t why;
    json_t *request = json_loadb(m.data, m.len, 0, &why);
    json_t *answer = request != NULL ? answer_to(request)
                                     : json_pack("{s:s}", "error", why.text);
    char *text = json_dumps(answer, JSON_PRESERVE_ORDER);
    (void)h2ws_send_text(c, text);
    free(text);
    json_decref(answer);
    json_decref(request);
  }
}

int main(int argc, char **argv) {
  const char *url = argc > 1 ? argv[1] : "wss://localhost:8443/";
  if (h2ws_serve(url, calculate, NULL, NULL) != 0) {
    (void)fprintf(stderr, "%s\n", h2ws_error(NULL));
    return 1;
  }
  return 0;
}
