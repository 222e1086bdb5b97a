/* Thousands of WebSocket clients in one thread: counts, checks and times every event that reaches each of them.
 *
 *   clients PORT DIALECT PATH CLIENTS CHANNELS STALLED IN_FLIGHT
 *
 * DIALECT: plain, socketio or centrifuge. "c000" in PATH becomes the client's channel (its number modulo CHANNELS).
 * STALLED clients, spread evenly, connect and then never read. Commands come by stdin, one a line; each is answered
 * with one JSON line:
 *
 *   connect          all clients, at most IN_FLIGHT at a time; with the last id that each has seen, where it has one
 *   expect N S Q     answered when every client that reads has N events more than at the last `expect`; at the latest
 *                    after S seconds, or when nothing came for Q seconds after the first. Issue it before publishing.
 *   drop             cuts all clients at once (RST, so that no port waits)
 *   quit
 */
#include "event.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM (1 << 18)
#define SOURCES 100 /* addresses 127.0.1.x to connect from: one has only 28 thousand ports */

enum state { CLOSED, CONNECTING, UPGRADING, JOINING, JOINED };

struct client {
  int fd, number, stalled;
  enum state state;
  uint64_t next, goal; /* number of the event that comes next, and of the one that ends the round */
  char *rest;          /* an incomplete frame */
  size_t rest_len, rest_room;
  char id[48], epoch[24]; /* where it stopped; Centrifuge's epoch comes apart from its offset */
};

static enum { PLAIN, SOCKETIO, CENTRIFUGE } dialect;
static const char *path;
static struct client *clients;
static int count, channels, stalled, in_flight, epoll_fd;
static int to_connect, connecting, joined, refused, lost;
static uint16_t port;
static uint64_t connect_began;
static char *buf;

/* The round under way. */
static struct {
  int active, waiting_for, clients;
  uint64_t events, deliveries, gaps, repeats, bytes, reads, frames;
  uint64_t began, first_t, last, timeout, quiet;
  struct rusage before;
} round_;

/* Latencies: 128 steps for each power of two, so 0.8 % exact. */
#define STEPS 128
static uint64_t histogram[64 * STEPS];

static void record(uint64_t ns) {
  int power = ns < 2 * STEPS ? 0 : 63 - __builtin_clzll(ns) - 7;
  histogram[power * STEPS + (int)(ns >> power)]++;
}

static double quantile(double q) { /* in milliseconds */
  uint64_t target = (uint64_t)(q * (double)round_.deliveries), seen = 0;
  for (int i = 0; i < 64 * STEPS; i++) {
    seen += histogram[i];
    if (!histogram[i] || (seen <= target && seen < round_.deliveries)) continue;
    int power = i < 2 * STEPS ? 0 : i / STEPS - 1;
    return (double)((uint64_t)(i - power * STEPS) << power) / 1e6;
  }
  return 0;
}

static void answer_connect(void) {
  double seconds = (double)(now_ns() - connect_began) / 1e9;
  printf("{\"joined\":%d,\"refused\":%d,\"seconds\":%.4f,\"per_second\":%.1f}\n", joined, refused, seconds, joined / seconds);
  fflush(stdout);
}

static void connect_next(void);

static void lose(struct client *c) {
  if (c->state == CLOSED) return;
  if (c->state == JOINED) joined--, lost += !c->stalled;
  else connecting--, refused++;
  int was_joining = c->state != JOINED;
  c->state = CLOSED;
  c->rest_len = 0;
  close(c->fd);
  if (was_joining) connect_next();
}

static void say_bytes(struct client *c, int opcode, const char *text, size_t len) { /* masked with zero: as it is */
  char frame[256] = {(char)(0x80 | opcode)};
  size_t at = 2;
  frame[1] = (char)(0x80 | (len < 126 ? len : 126));
  if (len >= 126) frame[at++] = (char)(len >> 8), frame[at++] = (char)len;
  at += 4;
  memcpy(frame + at, text, len);
  if (send(c->fd, frame, at + len, MSG_NOSIGNAL) < 0 && errno != EAGAIN) lose(c);
}

static void say(struct client *c, int opcode, const char *text) { say_bytes(c, opcode, text, strlen(text)); }

static void done_joining(struct client *c) {
  c->state = JOINED;
  connecting--, joined++;
  if (c->stalled) epoll_ctl(epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
  connect_next();
}
#include "reading.h"

static void begin_joining(struct client *c) {
  c->state = JOINING;
  if (dialect == PLAIN) done_joining(c);
  if (dialect != CENTRIFUGE) return;
  char command[200], channel[16] = "bench";
  if (channels > 1) snprintf(channel, sizeof channel, "c%03d", c->number % channels);
  if (c->id[0] && c->epoch[0])
    snprintf(command, sizeof command, "{\"id\":1,\"connect\":{\"subs\":{\"%s\":{\"recover\":true,\"offset\":%s,\"epoch\":\"%s\"}}}}", channel, c->id, c->epoch);
  else snprintf(command, sizeof command, "{\"id\":1,\"connect\":{}}");
  say(c, 1, command);
}

static void upgrade(struct client *c) {
  char request[600], where[300];
  snprintf(where, sizeof where, "%s", path);
  char *name = strstr(where, "c000");
  if (name && channels > 1) digits(name + 1, 3, (uint64_t)(c->number % channels));
  int since = dialect == PLAIN && c->id[0];
  int len = snprintf(request, sizeof request,
                     "GET %s%s%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                     where, since ? (strchr(where, '?') ? "&since=" : "?since=") : "", since ? c->id : "", port);
  c->state = UPGRADING;
  if (send(c->fd, request, (size_t)len, MSG_NOSIGNAL) != len) lose(c);
}

static void readable(struct client *c) {
  static size_t room;
  size_t len = c->rest_len;
  if (len + ROOM > room) buf = realloc(buf, room = len + 2 * ROOM);
  if (len) memcpy(buf, c->rest, len);
    ssize_t n = recv(c->fd, buf + len, ROOM, 0);
  if (n <= 0) {
    if (n == 0 || errno != EAGAIN) lose(c);
    return;
  }
  round_.reads++, round_.bytes += (uint64_t)n;
  len += (size_t)n;
  size_t used = 0;
  if (c->state == UPGRADING) {
    char *end = memmem(buf, len, "\r\n\r\n", 4);
    if (end && memcmp(buf, "HTTP/1.1 101", 12)) {
      if (!refused) fprintf(stderr, "clients: refused: %.*s\n", (int)(len < 400 ? len : 400), buf);
      lose(c);
      return;
    }
    if (end) {
      used = (size_t)(end - buf) + 4;
      begin_joining(c);
      memmove(buf, buf + used, len -= used);
      used = 0;
    }
  }
  if (c->state >= JOINING && !(c->stalled && c->state == JOINED)) used = take_frames(c, len);
  if (c->state == CLOSED) return;
  c->rest_len = len - used;
  if (c->rest_len > c->rest_room) c->rest = realloc(c->rest, c->rest_room = c->rest_len * 2);
  if (c->rest_len) memcpy(c->rest, buf + used, c->rest_len);
  else if (c->rest) free(c->rest), c->rest = NULL, c->rest_room = 0;
}

static void open_one(struct client *c) {
  int one = 1, small = 4096;
  struct linger cut = {1, 0};
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (c->fd < 0) die("socket");
  setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &cut, sizeof cut);
  if (c->stalled) setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000101u + (uint32_t)(c->number % SOURCES))};
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(c->fd, (struct sockaddr *)&from, sizeof from)) die("bind");
  if (connect(c->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) die("connect");
  struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e);
  c->state = CONNECTING;
  connecting++;
}

static void connect_next(void) {
  while (to_connect < count && connecting < in_flight) open_one(&clients[to_connect++]);
  if (to_connect == count && !connecting && connect_began) answer_connect(), connect_began = 0;
}

static void answer_round(void) {
  struct rusage after;
  getrusage(RUSAGE_SELF, &after);
#define SECONDS(t) ((double)(after.t.tv_sec - round_.before.t.tv_sec) + (double)(after.t.tv_usec - round_.before.t.tv_usec) / 1e6)
  uint64_t expected = round_.events * (uint64_t)round_.clients;
  double from_publish = round_.last > round_.first_t ? (double)(round_.last - round_.first_t) / 1e9 : 0;
  printf("{\"expected\":%lu,\"deliveries\":%lu,\"gaps\":%lu,\"repeats\":%lu,\"lost\":%d,\"unfinished\":%d,"
         "\"seconds\":%.6f,\"waited\":%.6f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,\"max_ms\":%.3f,"
         "\"bytes\":%lu,\"reads\":%lu,\"frames\":%lu,\"own_cpu_s\":%.3f}\n",
         expected, round_.deliveries, round_.gaps, round_.repeats, lost, round_.waiting_for, from_publish,
         round_.last > round_.began ? (double)(round_.last - round_.began) / 1e9 : 0, quantile(.5), quantile(.99), quantile(.999), quantile(1),
         round_.bytes, round_.reads, round_.frames, SECONDS(ru_utime) + SECONDS(ru_stime));
  fflush(stdout);
  round_.active = 0;
}

static void command(char *line) {
  double seconds = 0, quiet = 0;
  unsigned long events = 0;
  if (!strncmp(line, "connect", 7)) {
    to_connect = refused = 0;
    connect_began = now_ns();
    connect_next();
  } else if (sscanf(line, "expect %lu %lf %lf", &events, &seconds, &quiet) == 3) {
    memset(histogram, 0, sizeof histogram);
    memset(&round_, 0, sizeof round_);
    round_.active = 1, round_.events = events, round_.clients = round_.waiting_for = count - stalled;
    round_.timeout = (uint64_t)(seconds * 1e9), round_.quiet = (uint64_t)(quiet * 1e9);
    round_.began = now_ns();
    lost = 0;
    for (int i = 0; i < count; i++) clients[i].goal = clients[i].goal + events;
    getrusage(RUSAGE_SELF, &round_.before);
  } else if (!strncmp(line, "drop", 4)) {
    for (int i = 0; i < count; i++)
      if (clients[i].state != CLOSED) clients[i].state = CLOSED, clients[i].rest_len = 0, close(clients[i].fd);
    joined = connecting = 0;
    printf("{\"dropped\":%d}\n", count);
    fflush(stdout);
  } else if (!strncmp(line, "quit", 4)) {
    exit(0);
  }
}

static void listen_to_stdin(void) {
  static char lines[1024];
  static size_t len;
  ssize_t n = read(0, lines + len, sizeof lines - len - 1);
  if (n <= 0) exit(0);
  lines[len += (size_t)n] = 0;
  for (char *end; (end = strchr(lines, '\n'));) {
    *end = 0;
    command(lines);
    memmove(lines, end + 1, len = len - (size_t)(end + 1 - lines));
    lines[len] = 0;
  }
}

int main(int argc, char **argv) {
  if (argc != 8) return fprintf(stderr, "see the head of clients.c\n"), 2;
  port = (uint16_t)atoi(argv[1]);
  dialect = !strcmp(argv[2], "socketio") ? SOCKETIO : !strcmp(argv[2], "centrifuge") ? CENTRIFUGE : PLAIN;
  path = argv[3];
  count = atoi(argv[4]), channels = atoi(argv[5]), stalled = atoi(argv[6]), in_flight = atoi(argv[7]);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_max < (rlim_t)count + 20)
    return fprintf(stderr, "clients: %d clients need more than the %lu files that ulimit -Hn allows\n", count, files.rlim_max), 1;
  clients = calloc((size_t)count, sizeof *clients);
  epoll_fd = epoll_create1(0);
  struct epoll_event in = {.events = EPOLLIN, .data.ptr = NULL}, events[256];
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &in);
  for (int i = 0; i < count; i++)
    clients[i].number = i, clients[i].stalled = stalled && (int64_t)i * stalled / count != (int64_t)(i + 1) * stalled / count;
  while (1) {
    int n = epoll_wait(epoll_fd, events, 256, round_.active ? 50 : -1);
    for (int i = 0; i < n; i++) {
      struct client *c = events[i].data.ptr;
      if (!c) {
        listen_to_stdin();
        break; /* what follows may speak of clients that were dropped */
      }
      if (c->state == CONNECTING && events[i].events & EPOLLOUT) {
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
        upgrade(c);
      } else if (c->state == CONNECTING) {
        lose(c);
      } else if (c->state != CLOSED) {
        readable(c);
      }
    }
    if (!round_.active) continue;
    uint64_t now = now_ns();
    if (!round_.waiting_for || now - round_.began > round_.timeout || (round_.last && now > round_.last && now - round_.last > round_.quiet)) answer_round();
  }
}
