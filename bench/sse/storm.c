// Callers who do not wait for each other: so many a second open a stream, whatever comes of it.
//
// storm PORT HEAD FIRST RATE SECONDS
//   HEAD   the request; its twenty @ are replaced by the caller's number, from FIRST on
//
// Who is let in stays until the end and reads; who is refused goes. One line of JSON tells how many were let in, refused with
// 503, refused with a time to come back, broken off without an answer, or had none PATIENCE_NS after the last one came.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DIGITS 20
#define MOST 200000
#define PATIENCE_NS 5000000000ull
#define MOST_UNDER_WAY 4000 // of those that wait; further ones would only fill queues of the kernel

enum state { CONNECTING, WAITING, IN };

static enum state state_of[MOST];
static uint64_t began_at[MOST];
static float waited_ms[MOST];
static int poll_fd, port, under_way, started, admitted, refused, honest, broken;
static char head[1 << 14], *number_in_head, answer[1 << 16];
static size_t head_size;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static struct sockaddr_in address(uint32_t host, int at) {
  struct sockaddr_in found = {.sin_family = AF_INET, .sin_port = htons((uint16_t)at)};
  found.sin_addr.s_addr = htonl(host);
  return found;
}

static void come(void) {
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0 || fd >= MOST) fail("socket");
  struct linger at_once = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  struct sockaddr_in mine = address(INADDR_LOOPBACK + 100 + (uint32_t)(started % 50), 0);
  if (bind(fd, (struct sockaddr *)&mine, sizeof mine)) fail("bind");
  struct sockaddr_in theirs = address(INADDR_LOOPBACK, port);
  if (connect(fd, (struct sockaddr *)&theirs, sizeof theirs) && errno != EINPROGRESS) fail("connect");
  struct epoll_event wanted = {.events = EPOLLOUT, .data.fd = fd};
  if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &wanted)) fail("epoll_ctl");
  state_of[fd] = CONNECTING;
  began_at[fd] = now_ns();
  started++;
  under_way++;
}

static void go(int fd) {
  if (state_of[fd] != IN) under_way--;
  close(fd);
}

static void ask(int fd, uint64_t number) {
  char digits[DIGITS + 1];
  snprintf(digits, sizeof digits, "%020llu", (unsigned long long)number);
  memcpy(number_in_head, digits, DIGITS);
  if (send(fd, head, head_size, MSG_NOSIGNAL) != (ssize_t)head_size) {
    broken++;
    go(fd);
    return;
  }
  struct epoll_event wanted = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(poll_fd, EPOLL_CTL_MOD, fd, &wanted);
  state_of[fd] = WAITING;
}

static void hear(int fd) {
  ssize_t size = recv(fd, answer, sizeof answer - 1, 0);
  if (size < 0 && errno == EAGAIN) return;
  if (state_of[fd] == IN) {
    if (size <= 0) go(fd);
    return;
  }
  answer[size > 0 ? size : 0] = 0;
  if (!strncmp(answer, "HTTP/1.1 200", 12)) {
    admitted++;
    under_way--;
    state_of[fd] = IN;
    return;
  }
  if (strncmp(answer, "HTTP/1.1 503", 12)) broken++;
  else {
    waited_ms[refused++ % MOST] = (float)(now_ns() - began_at[fd]) / 1e6f;
    honest += strcasestr(answer, "\r\nretry-after: ") != NULL;
  }
  go(fd);
}

static int ascending(const void *one, const void *other) {
  float difference = *(const float *)one - *(const float *)other;
  return difference < 0 ? -1 : difference > 0;
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  FILE *file = fopen(argv[2], "rb");
  if (!file) fail(argv[2]);
  head_size = fread(head, 1, sizeof head - 1, file);
  number_in_head = strstr(head, "@@@@@@@@@@@@@@@@@@@@");
  if (!number_in_head) return 2;
  port = atoi(argv[1]);
  uint64_t next = strtoull(argv[3], NULL, 10), from = now_ns(), last = from;
  double rate = atof(argv[4]), seconds = atof(argv[5]);
  poll_fd = epoll_create1(0);
  struct epoll_event ready[1024];
  for (uint64_t now = from;; now = now_ns()) {
    double passed = (double)(now - from) / 1e9;
    if (passed < seconds) {
      while (started < passed * rate && under_way < MOST_UNDER_WAY) come();
      last = now;
    } else if (!under_way || now - last > PATIENCE_NS) break;
    int n = epoll_wait(poll_fd, ready, 1024, 1);
    for (int i = 0; i < n; i++) {
      int fd = ready[i].data.fd;
      if (state_of[fd] == CONNECTING) ask(fd, next++);
      else hear(fd);
    }
  }
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  int measured = refused < MOST ? refused : MOST;
  qsort(waited_ms, (size_t)measured, sizeof *waited_ms, ascending);
  printf("{\"started\":%d,\"admitted\":%d,\"refused\":%d,\"honest\":%d,\"broken\":%d,\"unanswered\":%d,\"seconds\":%.3f,"
         "\"p99_ms\":%.3f,\"cpu\":%.3f}\n",
         started, admitted, refused, honest, broken, under_way, (double)(last - from) / 1e9,
         measured ? (double)waited_ms[measured * 99 / 100] : 0.0,
         (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
  return 0;
}
