/* What the benches share: a clock, an allocator that counts, children. */
#ifndef H2WS_BENCH_H
#define H2WS_BENCH_H

#include <h2ws/core.h>
#include <sys/types.h>

/* Stops the program with a sentence. */
_Noreturn void bench_die(const char *what);

/* CLOCK_MONOTONIC. */
double bench_seconds(void);
/* What this process has computed: others do not count. */
double bench_cpu_seconds(void);
h2ws_time bench_now(void *user);
/* Fast and predictable: for benches only. */
int bench_random(uint8_t *buf, size_t len, void *user);

/* Text as programs send it to each other: records that differ a little. */
void bench_json(uint8_t *out, size_t len);

/* Sorts `values` and returns the one in the middle. */
double bench_median(double *values, size_t len);

/* malloc() that counts. `bytes` are those of the heap, headers included. */
struct bench_mem {
  h2ws_mem mem;
  size_t calls; /* of alloc, and of resize that had to allocate */
  size_t bytes;
  size_t peak;
};

void bench_mem_init(struct bench_mem *counter);

/* Resident memory of this process; its highest value since the reset. */
size_t bench_rss(void);
size_t bench_rss_peak(void);
void bench_rss_peak_reset(void);

/* A program in a process of its own, which ends when this process does. */
struct bench_child {
  pid_t pid;
  int port; /* of a server */
};

/* The folder that this program is in. */
void bench_folder(char *out, size_t len);
void bench_child_start(struct bench_child *child, char *const argv[]);
/* The same for a server, which says "listening on URL" first. */
void bench_child_serve(struct bench_child *child, char *const argv[]);
/* Seconds it has computed. */
double bench_child_cpu(const struct bench_child *child);
void bench_child_stop(struct bench_child *child);

#endif
