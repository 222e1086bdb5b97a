/* Publishes by any text protocol: sends copies of a template (a RESP command, an HTTP request), stamped in place.
 *
 *   publish PORT TEMPLATE_FILE resp|http FIRST COUNT RATE CHANNELS
 *
 * RATE: events a second, 0 for all at once. With CHANNELS > 1 every "c000" in the template becomes the channel's
 * number and events go round. Waits for all replies; prints one JSON line; fails on any error reply. */
#include "event.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM (1 << 20)

static char *template;
static size_t size, stamp_at, names[32];
static int named;

static void read_template(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) die(path);
  template = malloc(ROOM);
  size = fread(template, 1, ROOM, file);
  fclose(file);
  char *found = memmem(template, size, STAMP, STAMP_SIZE);
  if (!found) die("no stamp in the template");
  stamp_at = (size_t)(found - template);
  for (char *at = template; (at = memmem(at, size - (size_t)(at - template), "c000", 4)) && named < 32; at += 4)
    names[named++] = (size_t)(at - template);
}

/* Counts replies; keeps what is incomplete in buf and returns its length. */
static size_t resp(char *buf, size_t len, long *good, long *bad) {
  size_t at = 0;
  while (at < len) {
    char *end = memmem(buf + at, len - at, "\r\n", 2);
    if (!end) break;
    size_t next = (size_t)(end - buf) + 2;
    if (buf[at] == '$') {
      long body = atol(buf + at + 1);
      if (body >= 0) next += (size_t)body + 2;
      if (next > len) break;
    }
    if (buf[at] == '-' && !(*bad)++) fprintf(stderr, "publish: %.*s\n", (int)(end - buf - (long)at), buf + at);
    if (buf[at] != '-') (*good)++;
    at = next;
  }
  memmove(buf, buf + at, len - at);
  return len - at;
}

static size_t http(char *buf, size_t len, long *good, long *bad) {
  size_t at = 0;
  char *found;
  while (len - at >= 12 && (found = memmem(buf + at, len - at - 3, "HTTP/1.1 ", 9))) {
    if (found[9] == '2') (*good)++;
    else if (!(*bad)++) fprintf(stderr, "publish: %.12s\n", found);
    at = (size_t)(found - buf) + 10;
  }
  size_t keep = len - at < 12 ? len - at : 12;
  memmove(buf, buf + len - keep, keep);
  return keep;
}

int main(int argc, char **argv) {
  if (argc != 8) return fprintf(stderr, "see the head of publish.c\n"), 2;
  read_template(argv[2]);
  size_t (*replies)(char *, size_t, long *, long *) = strcmp(argv[3], "http") ? resp : http;
  long first = atol(argv[4]), count = atol(argv[5]), channels = atol(argv[7]);
  double rate = atof(argv[6]);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  if (connect(fd, (struct sockaddr *)&to, sizeof to)) die("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  char *out = malloc(ROOM + size), *in = malloc(ROOM);
  size_t out_at = 0, out_len = 0, in_len = 0;
  long made = 0, good = 0, bad = 0;
  uint64_t start = now_ns();
  while (good + bad < count) {
    uint64_t now = now_ns();
    long due = rate > 0 ? (long)((double)(now - start) * rate / 1e9) + 1 : count;
    if (due > count) due = count;
    if (out_at == out_len) out_at = out_len = 0;
    for (; made < due && out_len < ROOM - size; made++, out_len += size) {
      char *copy = memcpy(out + out_len, template, size);
      if (channels > 1)
        for (int i = 0; i < named; i++) digits(copy + names[i] + 1, 3, (uint64_t)(made % channels));
      stamp(copy + stamp_at, (uint64_t)(first + made / channels), now_ns());
    }
    if (out_at < out_len) {
      ssize_t n = send(fd, out + out_at, out_len - out_at, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN) die("send");
      if (n > 0) out_at += (size_t)n;
    }
    struct timespec wait = {60, 0};
    if (made < count && rate > 0) {
      uint64_t next = start + (uint64_t)((double)made / rate * 1e9), gap = next > (now = now_ns()) ? next - now : 0;
      wait.tv_sec = (time_t)(gap / 1000000000ull), wait.tv_nsec = (long)(gap % 1000000000ull);
    }
    int full = out_at < out_len || (made < due);
    struct pollfd p = {fd, (short)(POLLIN | (full ? POLLOUT : 0)), 0};
    int ready = ppoll(&p, 1, &wait, NULL);
    if (ready == 0 && made == count) return fprintf(stderr, "publish: no reply for 60 s\n"), 1;
    if (p.revents & (POLLIN | POLLHUP | POLLERR)) {
      ssize_t n = recv(fd, in + in_len, ROOM - in_len, MSG_DONTWAIT);
      if (n == 0 || (n < 0 && errno != EAGAIN)) return fprintf(stderr, "publish: the connection was closed\n"), 1;
      if (n > 0) in_len = replies(in, in_len + (size_t)n, &good, &bad);
    }
  }
  printf("{\"published\":%ld,\"errors\":%ld,\"seconds\":%.6f}\n", good, bad, (double)(now_ns() - start) / 1e9);
  return bad != 0;
}
