/* The floor: what the kernel asks of any server. Makes the events itself, frames each once, and calls send.
 *
 *   floor PORT                        makes the events itself: `publish FIRST COUNT RATE CHANNELS` by stdin, RATE 0 for
 *                                     all at once; answered when all were sent
 *   floor PORT REDIS_PORT CHANNEL     takes them from a Redis channel, behind a header that ends with a line feed
 *
 * Every client is a cursor into the frames so far. The handshake's answer is that to the one key which clients.c sends. */
#include "event.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 20000
#define PATIENCE_NS 2000000000ull /* clients that read nothing for so long are given up at the end */
#define FRAME (2 + sizeof PAYLOAD - 1)

static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
static int fds[MOST], clients;
static size_t cursors[MOST];
static char *flow; /* all frames that came from Redis */
static size_t flow_len, flow_room;

static int readable(int fd) { /* the request, or the end */
  char request[2048];
  ssize_t n = recv(fd, request, sizeof request, 0);
  if (n > 0 && !memcmp(request, "GET ", 4) && send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) > 0) {
    if (clients == MOST) exit(1);
    cursors[clients] = flow_len;
    fds[clients++] = fd;
  }
  return n > 0;
}

/* Sends what each client lacks. Returns how many still lack something; *moved is when a send last took anything. */
static size_t send_all(const char *log, size_t head, uint64_t *moved) {
  size_t behind = 0;
  int moving = 0;
  for (int i = 0; i < clients; i++) {
    if (cursors[i] == head) continue;
    ssize_t n = send(fds[i], log + cursors[i], head - cursors[i], MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) cursors[i] += (size_t)n, moving = 1;
    else if (errno != EAGAIN) cursors[i] = head;
    behind += cursors[i] < head;
  }
  if (moving) *moved = now_ns();
  return behind;
}

static void pause_until(uint64_t next) {
  uint64_t now = now_ns();
  struct timespec wait = {0, next > now ? (long)(next - now) : 0};
  if (wait.tv_nsec) nanosleep(&wait, NULL);
}

static void publish(uint64_t first, uint64_t count, double rate) {
  char *log = malloc(count * FRAME);
  size_t head = 0, behind = 1;
  uint64_t start = now_ns(), made = 0, moved = start;
  memset(cursors, 0, sizeof cursors);
  while (made < count || (behind && now_ns() - moved < PATIENCE_NS)) {
    uint64_t now = now_ns(), due = rate > 0 ? (uint64_t)((double)(now - start) * rate / 1e9) + 1 : count;
    for (; made < due && made < count; made++, head += FRAME) {
      char *frame = log + head;
      frame[0] = (char)0x81, frame[1] = (char)(FRAME - 2);
      memcpy(frame + 2, PAYLOAD, FRAME - 2);
      stamp(frame + FRAME - 1 - STAMP_SIZE, first + made, now);
    }
    behind = send_all(log, head, &moved);
    if (behind && moved > now) continue;
    uint64_t next = made < count && rate > 0 ? start + (uint64_t)((double)made / rate * 1e9) : 0;
    if (behind && (!next || next > now + 1000000)) next = now + 1000000;
    pause_until(next);
  }
  free(log);
  printf("{\"published\":%lu,\"errors\":0,\"seconds\":%.6f}\n", made, (double)(now_ns() - start) / 1e9);
  fflush(stdout);
}

/* ---- behind Redis */

static int connect_redis(uint16_t port, const char *channel) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  char command[200];
  int len = snprintf(command, sizeof command, "SUBSCRIBE %s\r\n", channel);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) || send(fd, command, (size_t)len, 0) != len) die("redis");
  return fd;
}

/* Takes what Redis sent and appends the frames: each message's last line is the event. */
static void take_from_redis(int fd) {
  static char in[1 << 20];
  static size_t len;
  ssize_t n = recv(fd, in + len, sizeof in - len, 0);
  if (n <= 0) exit(0);
  len += (size_t)n;
  size_t at = 0;
  char *end;
  while ((end = memmem(in + at, len - at, "}\r\n", 3))) {
    char *event = memmem(in + at, (size_t)(end - in) - at, "\n{", 2);
    size_t size = (size_t)(end - event);
    if (flow_len + size + 4 > flow_room) flow = realloc(flow, flow_room = flow_room * 2 + (1 << 20));
    if (size > 125) die("an event is too long for the floor");
    flow[flow_len] = (char)0x81, flow[flow_len + 1] = (char)size;
    memcpy(flow + flow_len + 2, event + 1, size);
    flow_len += size + 2;
    at = (size_t)(end - in) + 3;
  }
  memmove(in, in + at, len -= at);
}

int main(int argc, char **argv) {
  if (argc != 2 && argc != 4) return fprintf(stderr, "see the head of floor.c\n"), 2;
  int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1, epoll_fd = epoll_create1(0);
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 4096)) die("listen");
  struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, in = {.events = EPOLLIN, .data.fd = 0}, events[64];
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &e);
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &in);
  int redis = argc == 4 ? connect_redis((uint16_t)atoi(argv[2]), argv[3]) : -1;
  struct epoll_event subscription = {.events = EPOLLIN, .data.fd = redis};
  if (redis >= 0) epoll_ctl(epoll_fd, EPOLL_CTL_ADD, redis, &subscription);
  size_t behind = 0;
  while (1) {
    uint64_t before = now_ns(), moved = 0;
    if (redis >= 0) behind = send_all(flow, flow_len, &moved);
    int n = epoll_wait(epoll_fd, events, 64, !behind ? -1 : moved > before ? 0 : 1);
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd;
      char line[200];
      unsigned long first, count;
      double rate;
      if (fd == 0) {
        ssize_t got = read(0, line, sizeof line - 1);
        if (got <= 0) return 0;
        line[got] = 0;
        if (sscanf(line, "publish %lu %lu %lf", &first, &count, &rate) == 3) publish(first, count, rate);
      } else if (fd == redis) {
        take_from_redis(fd);
      } else if (fd == listener) {
        struct epoll_event client = {.events = EPOLLIN, .data.fd = accept(listener, NULL, NULL)};
        setsockopt(client.data.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, client.data.fd, &client);
      } else if (!readable(fd)) {
        close(fd);
        for (int j = 0; j < clients; j++)
          if (fds[j] == fd) cursors[j] = cursors[--clients], fds[j--] = fds[clients];
      }
    }
  }
}
