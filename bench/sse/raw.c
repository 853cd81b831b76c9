// The limit: an epoll loop that sends the same bytes to everyone and does nothing else. No protocol, no memory, no errors.
//
// raw STREAM_PORT PUBLISH_PORT FRAME_BYTES TICK_MS
//   Whoever connects to STREAM_PORT and asks gets a response head, then each frame that is written to PUBLISH_PORT.
//   With TICK_MS, frames of one tick are joined into one send. Who does not keep up is dropped.
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

#define MOST 65536
static const char HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n";

static int poll_fd, stream_fd, publish_fd, publisher = -1;
static int readers[MOST], place_of[MOST], count;
static char waiting[1 << 20], asked[4096];
static size_t waiting_size;

static int listen_on(int port) {
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in mine = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  mine.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&mine, sizeof mine) || listen(fd, 4096)) {
    perror("listen");
    exit(1);
  }
  return fd;
}

static void watch(int fd) {
  struct epoll_event wanted = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &wanted);
}

static void accept_all(int from) {
  int fd, on = 1;
  while ((fd = accept4(from, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (from == publish_fd) publisher = fd;
    place_of[fd] = -1;
    watch(fd);
  }
}

// No longer sent to. It is closed by whoever is told that it ended: its number may be waiting in this turn's events.
static void forget(int fd) {
  if (place_of[fd] < 0) return;
  int last = readers[--count];
  readers[place_of[fd]] = last;
  place_of[last] = place_of[fd];
  place_of[fd] = -1;
}

static void answer(int fd) {
  ssize_t size = recv(fd, asked, sizeof asked, 0);
  if (size <= 0) {
    if (size < 0 && errno == EAGAIN) return;
    forget(fd);
    close(fd);
    return;
  }
  if (place_of[fd] >= 0) return;
  place_of[fd] = count;
  readers[count++] = fd;
  send(fd, HEAD, sizeof HEAD - 1, MSG_NOSIGNAL);
}

static void send_all(const char *bytes, size_t size) {
  for (int i = count - 1; i >= 0; i--)
    if (send(readers[i], bytes, size, MSG_NOSIGNAL) != (ssize_t)size) {
      shutdown(readers[i], SHUT_RDWR);
      forget(readers[i]);
    }
}

static void take(size_t frame, int tick) {
  ssize_t size = recv(publisher, waiting + waiting_size, sizeof waiting - waiting_size, 0);
  if (size <= 0) {
    if (size == 0) close(publisher), publisher = -1;
    return;
  }
  waiting_size += (size_t)size;
  if (tick) return;
  size_t sent = 0;
  for (; waiting_size - sent >= frame; sent += frame) send_all(waiting + sent, frame);
  memmove(waiting, waiting + sent, waiting_size -= sent);
}

static void tick_over(size_t frame) {
  size_t whole = waiting_size / frame * frame;
  if (whole) send_all(waiting, whole);
  memmove(waiting, waiting + whole, waiting_size -= whole);
}

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  struct epoll_event ready[1024];
  size_t frame = (size_t)atoi(argv[3]);
  int tick = atoi(argv[4]);
  poll_fd = epoll_create1(0);
  watch(stream_fd = listen_on(atoi(argv[1])));
  watch(publish_fd = listen_on(atoi(argv[2])));
  int64_t due = now_ms() + tick;
  for (;;) {
    int64_t left = due - now_ms();
    int n = epoll_wait(poll_fd, ready, 1024, tick ? (int)(left > 0 ? left : 0) : -1);
    for (int i = 0; i < n; i++) {
      int fd = ready[i].data.fd;
      if (fd == stream_fd || fd == publish_fd) accept_all(fd);
      else if (fd == publisher) take(frame, tick);
      else answer(fd);
    }
    if (tick && now_ms() >= due) {
      tick_over(frame);
      due = now_ms() + tick;
    }
  }
}
