/*
 * Runs a fuzz target over files, without libFuzzer: each argument is a file, or
 * a folder whose files are read in no special order. Without any input it
 * fails, because then it has tested nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Returns the number of bytes, or -1; *out is owned by the caller. */
static long replay_read(uint8_t **out, const char *path, long size) {
  FILE *file = fopen(path, "rb");
  size_t got;

  if (file == NULL) {
    return -1;
  }
  /* An exact allocation lets AddressSanitizer see a read past the end. */
  *out = malloc(size > 0 ? (size_t)size : 1);
  if (*out == NULL) {
    fclose(file);
    return -1;
  }
  got = fread(*out, 1, (size_t)size, file);
  fclose(file);
  return (long)got;
}

/* Returns the number of inputs run, or -1. */
static long replay_file(const char *path, long size) {
  uint8_t *data = NULL;
  long len = replay_read(&data, path, size);

  if (len < 0) {
    fprintf(stderr, "replay: cannot read %s: %s\n", path, strerror(errno));
    return -1;
  }
  LLVMFuzzerTestOneInput(data, (size_t)len);
  free(data);
  return 1;
}

static long replay_path(const char *path);

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
    long ran;

    if (entry->d_name[0] == '.') {
      continue;
    }
    snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
    ran = replay_path(name);
    total = ran < 0 ? -1 : total + ran;
  }
  closedir(folder);
  return total;
}

/* Folders inside folders are followed. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the corpus, which is ours. */
static long replay_path(const char *path) {
  struct stat info;

  if (stat(path, &info) != 0) {
    fprintf(stderr, "replay: no input at %s: %s\n", path, strerror(errno));
    return -1;
  }
  if (S_ISDIR(info.st_mode)) {
    return replay_folder(path);
  }
  return replay_file(path, (long)info.st_size);
}

int main(int argc, char **argv) {
  long total = 0;

  for (int i = 1; i < argc; i++) {
    long ran = replay_path(argv[i]);

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
