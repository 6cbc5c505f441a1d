/* Loads the library named by its argument, uses it, unloads it, again. */
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>

static int descriptors(void) {
  DIR *dir = opendir("/proc/self/fd");
  int n = 0;
  while (readdir(dir) != NULL) {
    n++;
  }
  (void)closedir(dir);
  return n;
}

static int use(const char *library) {
  void *lib = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  void *(*connect_to)(const char *, const void *) = NULL;
  if (lib == NULL) {
    (void)fprintf(stderr, "%s\n", dlerror());
    return -1;
  }
  *(void **)&connect_to = dlsym(lib, "h2ws_connect");
  (void)connect_to("ws://127.0.0.1:1/", NULL); /* starts the hidden thread */
  (void)dlclose(lib);
  return 0;
}

int main(int argc, char **argv) {
  int before;
  if (argc != 2 || use(argv[1]) != 0) {
    return 2;
  }
  before = descriptors();
  return use(argv[1]) == 0 && descriptors() == before ? 0 : 1;
}
