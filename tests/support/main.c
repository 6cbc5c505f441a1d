/* The main function of each test program: runs its suite. */
#include "tests/support/suite.h"

#include <stdlib.h>

int main(void) {
  SRunner *runner = srunner_create(h2ws_test_suite());
  int failed;
  srunner_run_all(runner, CK_NORMAL);
  failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
