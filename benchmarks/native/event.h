/* One event as publishers stamp it and the load generator finds it: fixed widths, so that nobody needs a JSON parser.
 *
 *   …,"n":1000000042,"t":1000012345678901,…
 *
 * n: 1e9 + the event's number in its channel. t: 1e15 + nanoseconds of CLOCK_MONOTONIC, one clock for all processes. */
#ifndef EVENT_H
#define EVENT_H
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define N_BASE 1000000000ull
#define T_BASE 1000000000000000ull
#define STAMP "\"n\":1000000000,\"t\":1000000000000000"
#define STAMP_SIZE 35
#define PAYLOAD \
  "{\"type\":\"bench\",\"download_id\":\"12345\",\"progress\":0.75,\"speed\":1024000," STAMP "}"

static inline uint64_t now_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static inline void digits(char *at, int width, uint64_t value) {
  for (int i = width - 1; i >= 0; i--, value /= 10) at[i] = (char)('0' + value % 10);
}

/* at: where "n": begins. */
static inline void stamp(char *at, uint64_t n, uint64_t t) {
  digits(at + 4, 10, N_BASE + n);
  digits(at + 19, 16, T_BASE + t);
}

static inline uint64_t eight_digits(const char *at) {
  uint64_t v;
  memcpy(&v, at, 8);
  v -= 0x3030303030303030ull;
  v = v * 10 + (v >> 8);
  return ((v & 0x000000FF000000FFull) * 0x000F424000000064ull + ((v >> 16) & 0x000000FF000000FFull) * 0x0000271000000001ull) >> 32;
}

/* Whether a stamp begins here; reads STAMP_SIZE bytes. */
static inline int is_stamp(const char *at) {
  return !memcmp(at, "\"n\":1", 5) && !memcmp(at + 14, ",\"t\":1", 6);
}

static inline uint64_t stamp_n(const char *at) { return (uint64_t)(at[5] - '0') * 100000000ull + eight_digits(at + 6); }

static inline uint64_t stamp_t(const char *at) {
  return (eight_digits(at + 19) * 100000000ull + eight_digits(at + 27)) - T_BASE;
}

static inline void die(const char *what) {
  perror(what);
  exit(1);
}
#endif
