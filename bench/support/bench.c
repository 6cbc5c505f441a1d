#include "bench/support/bench.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void bench_die(const char *what) {
  (void)fprintf(stderr, "bench: %s\n", what);
  exit(1);
}

/* ------------------------------------------------------------------------
 * Time and chance
 */

h2ws_time bench_now(void *user) {
  struct timespec ts;
  (void)user;
  (void)clock_gettime(CLOCK_MONOTONIC, &ts);
  return (h2ws_time)ts.tv_sec * 1000 * H2WS_MS + (h2ws_time)ts.tv_nsec;
}

double bench_seconds(void) {
  return (double)bench_now(NULL) / 1e9;
}

double bench_cpu_seconds(void) {
  struct timespec ts;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
  return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int bench_random(uint8_t *buf, size_t len, void *user) {
  static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
  size_t i;
  (void)user;
  for (i = 0; i < len; i++) {
    state = state * UINT64_C(6364136223846793005) + 1;
    buf[i] = (uint8_t)(state >> 56);
  }
  return 0;
}

void bench_json(uint8_t *out, size_t len) {
  size_t done = 0;
  uint32_t id;
  for (id = 0; done < len; id++) {
    char line[256];
    uint32_t x = id * UINT32_C(2654435761);
    int n =
      snprintf(line, sizeof(line),
               "{\"id\":%u,\"user\":\"user-%u\",\"temperature\":%u.%u,"
               "\"unit\":\"celsius\",\"token\":\"%08x\",\"active\":%s,"
               "\"tags\":[\"sensor\",\"room-%u\"]},\n",
               (unsigned)id, (unsigned)(x >> 20), (unsigned)(x >> 8) % 40,
               (unsigned)x % 10, (unsigned)x, (x & 64) != 0 ? "true" : "false",
               (unsigned)(x >> 12) % 90);
    size_t part = (size_t)n < len - done ? (size_t)n : len - done;
    memcpy(out + done, line, part);
    done += part;
  }
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a;
  double y = *(const double *)b;
  return (x > y) - (x < y);
}

double bench_median(double *values, size_t len) {
  qsort(values, len, sizeof(*values), compare);
  return len % 2 == 1 ? values[len / 2]
                      : (values[len / 2 - 1] + values[len / 2]) / 2;
}

/* ------------------------------------------------------------------------
 * Memory
 */

/* What glibc spends on a block: its size field comes on top. */
static size_t block_size(void *ptr) {
  return ptr == NULL ? 0 : malloc_usable_size(ptr) + sizeof(size_t);
}

static void add(struct bench_mem *counter, size_t bytes) {
  counter->bytes += bytes;
  if (counter->bytes > counter->peak) {
    counter->peak = counter->bytes;
  }
}

static void *mem_alloc(size_t size, void *user) {
  struct bench_mem *counter = user;
  void *ptr = malloc(size);
  counter->calls++;
  add(counter, block_size(ptr));
  return ptr;
}

static void *mem_resize(void *ptr, size_t size, void *user) {
  struct bench_mem *counter = user;
  size_t before = block_size(ptr);
  void *moved = realloc(ptr, size);
  if (moved != NULL) {
    counter->calls++;
    counter->bytes -= before;
    add(counter, block_size(moved));
  }
  return moved;
}

static void mem_release(void *ptr, void *user) {
  struct bench_mem *counter = user;
  counter->bytes -= block_size(ptr);
  free(ptr);
}

void bench_mem_init(struct bench_mem *counter) {
  memset(counter, 0, sizeof(*counter));
  counter->mem.alloc = mem_alloc;
  counter->mem.resize = mem_resize;
  counter->mem.release = mem_release;
  counter->mem.user = counter;
}

/* A line "NAME: N kB" of /proc/self/status. */
static size_t status_bytes(const char *name) {
  FILE *file = fopen("/proc/self/status", "re");
  char line[256];
  size_t bytes = 0;
  if (file == NULL) {
    return 0;
  }
  while (fgets(line, sizeof(line), file) != NULL) {
    if (strncmp(line, name, strlen(name)) == 0) {
      bytes = strtoul(line + strlen(name) + 1, NULL, 10) * 1024;
    }
  }
  (void)fclose(file);
  return bytes;
}

size_t bench_rss(void) {
  return status_bytes("VmRSS");
}

size_t bench_rss_peak(void) {
  return status_bytes("VmHWM");
}

void bench_rss_peak_reset(void) {
  int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (fd >= 0) {
    if (write(fd, "5", 1) != 1) {
      bench_die("the peak of the resident memory cannot be reset");
    }
    (void)close(fd);
  }
}
