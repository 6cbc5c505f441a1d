/*
 * Runs a fuzz target over files, without libFuzzer: each argument is a file, or
 * a folder whose files are read in no special order. Without any input it
 * fails, because then it has tested nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Returns the number of bytes, or -1; *out is owned by the caller. */
static long replay_read(uint8_t **out, const char *path) {
  FILE *file = fopen(path, "rb");
  struct stat info;
  size_t got = 0;

  if (file == NULL) {
    return -1;
  }
  if (fstat(fileno(file), &info) == 0) {
    /* An exact allocation lets AddressSanitizer see a read past the end. */
    *out = malloc(info.st_size > 0 ? (size_t)info.st_size : 1);
  }
  if (*out != NULL) {
    got = fread(*out, 1, (size_t)info.st_size, file);
  }
  fclose(file);
  return *out == NULL ? -1 : (long)got;
}

/* Returns the number of inputs run, or -1. */
static long replay_file(const char *path) {
  uint8_t *data = NULL;
  long len = replay_read(&data, path);

  if (len < 0) {
    fprintf(stderr, "replay: cannot read %s: %s\n", path, strerror(errno));
    return -1;
  }
  LLVMFuzzerTestOneInput(data, (size_t)len);
  free(data);
  return 1;
}

/* Runs every file in a folder; returns their number, or -1. */
static long replay_folder(const char *path) {
  DIR *folder = opendir(path);
  struct dirent *entry;
  long total = 0;

  if (folder == NULL) {
    fprintf(stderr, "replay: cannot open %s: %s\n", path, strerror(errno));
    return -1;
  }
  while (total >= 0 && (entry = readdir(folder)) != NULL) {
    char name[4096];

    if (entry->d_name[0] != '.') {
      snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
      total = replay_file(name) < 0 ? -1 : total + 1;
    }
  }
  closedir(folder);
  return total;
}

int main(int argc, char **argv) {
  long total = 0;

  for (int i = 1; i < argc; i++) {
    struct stat info;
    bool folder = stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode);
    long ran = folder ? replay_folder(argv[i]) : replay_file(argv[i]);

    if (ran < 0) {
      return EXIT_FAILURE;
    }
    total += ran;
  }
  printf("replayed %ld inputs\n", total);
  if (total == 0) {
    fprintf(stderr, "replay: nothing to replay: give files or folders\n");
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
