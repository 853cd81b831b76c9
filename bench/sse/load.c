// The load generator: holds event streams open, publishes events that carry the time, counts what arrives and how late.
//
// load HEADS EVENT CONNECTIONS IN_FLIGHT STREAM_PORTS PUBLISH_PORTS THREADS
//   HEADS    one request per connection, each ended by a NUL
//   EVENT    what is written to publish one event; twenty @ in it are replaced by the time in nanoseconds
//   PORTS    comma-separated, on 127.0.0.1; connections are spread over them, events go to each
//
// It attaches at once, then takes commands from standard input and answers each with one line of JSON:
//   closed WINDOW SECONDS EVENTS   at most WINDOW events under way at a time; for SECONDS, and until EVENTS arrived everywhere
//   open RATE SECONDS              RATE events a second, whatever arrives
//   stall                          from now on nothing is read
// Each thread reads its share of the connections; the first one publishes. An event is found by its member "at", wherever
// reads and chunks cut the stream.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MARK "\"at\":\""
#define MARK_SIZE (sizeof MARK - 1)
#define DIGITS 20
#define KEPT (MARK_SIZE + DIGITS)
#define SLOT_NS 50000ull // resolution of delays
#define SLOTS 2400000    // two minutes
#define MOST_PORTS 8
#define MOST_THREADS 16
#define PAUSE_US 50 // between two looks at what has arrived
#define PATIENCE_NS 300000000000ull

enum state { CONNECTING, WAITING, OPEN, GONE };

struct line {
  int fd;
  enum state state;
  unsigned char kept_size;
  char kept[KEPT];
};

// A thread and its lines: every `thread_count`th. Counters are written by it alone and read by the first one.
struct reader {
  int number, mine, started, poll_fd;
  atomic_int attached, refused, lost;
  atomic_ullong arrived;
  _Atomic uint32_t *delays;
  char buffer[1 << 18];
};

static struct line *lines;
static char **heads;
static struct reader readers[MOST_THREADS];
static int connections, in_flight, thread_count;
static int publishers[MOST_PORTS], ports[MOST_PORTS], port_count, publisher_count;
static char *event;
static size_t event_size, event_time_at;
static uint64_t published;
static atomic_bool stalled;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static char *contents(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) fail(path);
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  char *text = malloc(*size + 1);
  if (fread(text, 1, *size, file) != *size) fail(path);
  text[*size] = 0;
  fclose(file);
  return text;
}

static struct sockaddr_in address(uint32_t host, int port) {
  struct sockaddr_in found = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  found.sin_addr.s_addr = htonl(host);
  return found;
}

static void watch(struct reader *self, int fd, uint32_t events, int index, int op) {
  struct epoll_event wanted = {.events = events, .data.u32 = (uint32_t)index};
  if (epoll_ctl(self->poll_fd, op, fd, &wanted)) fail("epoll_ctl");
}

static void end(struct reader *self, struct line *line) {
  close(line->fd);
  if (line->state == OPEN) self->lost++;
  else self->refused++;
  line->state = GONE;
}

static void send_head(struct reader *self, int index) {
  struct line *line = &lines[index];
  size_t size = strlen(heads[index]);
  if (send(line->fd, heads[index], size, MSG_NOSIGNAL) != (ssize_t)size) {
    end(self, line);
    return;
  }
  line->state = WAITING;
  watch(self, line->fd, EPOLLIN, index, EPOLL_CTL_MOD);
}

static void start_line(struct reader *self, int index) {
  struct line *line = &lines[index];
  line->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (line->fd < 0) fail("socket");
  int on = 1;
  struct linger at_once = {1, 0}; // no TIME_WAIT left for the next round
  setsockopt(line->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  setsockopt(line->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  struct sockaddr_in mine = address(INADDR_LOOPBACK + 1 + (uint32_t)(index / 10000), 0); // ports enough for each
  if (bind(line->fd, (struct sockaddr *)&mine, sizeof mine)) fail("bind");
  struct sockaddr_in theirs = address(INADDR_LOOPBACK, ports[index % port_count]);
  if (connect(line->fd, (struct sockaddr *)&theirs, sizeof theirs) && errno != EINPROGRESS) fail("connect");
  line->state = CONNECTING;
  watch(self, line->fd, EPOLLOUT, index, EPOLL_CTL_ADD);
}

static void take_event(struct reader *self, const char *digits, uint64_t now) {
  uint64_t at = 0;
  for (int i = 0; i < DIGITS; i++) at = at * 10 + (uint64_t)(digits[i] - '0');
  uint64_t slot = now > at ? (now - at) / SLOT_NS : 0; // it may come while this turn is read, after its time was taken
  _Atomic uint32_t *delay = &self->delays[slot < SLOTS ? slot : SLOTS - 1];
  atomic_store_explicit(delay, atomic_load_explicit(delay, memory_order_relaxed) + 1, memory_order_relaxed);
  uint64_t before = atomic_load_explicit(&self->arrived, memory_order_relaxed);
  atomic_store_explicit(&self->arrived, before + 1, memory_order_relaxed);
}

static void count(struct reader *self, struct line *line, const char *from, const char *until, uint64_t now) {
  const char *found;
  while ((found = memmem(from, (size_t)(until - from), MARK, MARK_SIZE))) {
    if (until - found < (ssize_t)KEPT) break;
    take_event(self, found + MARK_SIZE, now);
    from = found + KEPT;
  }
  if (!found) found = until - from < (ssize_t)MARK_SIZE - 1 ? from : until - (MARK_SIZE - 1);
  line->kept_size = (unsigned char)(until - found);
  memcpy(line->kept, found, line->kept_size);
}

static void receive(struct reader *self, int index, uint64_t now) {
  struct line *line = &lines[index];
  char *buffer = self->buffer;
  memcpy(buffer, line->kept, line->kept_size);
  ssize_t size = recv(line->fd, buffer + line->kept_size, sizeof self->buffer - KEPT, 0);
  if (size <= 0) {
    if (size < 0 && errno == EAGAIN) return;
    end(self, line);
    return;
  }
  const char *from = buffer, *until = buffer + line->kept_size + size;
  if (line->state == WAITING) {
    const char *body = memmem(buffer, (size_t)(until - from), "\r\n\r\n", 4);
    if (!body || strncmp(buffer, "HTTP/1.1 200", 12)) {
      if (!self->refused) fprintf(stderr, "refused: %.*s\n", (int)(until - from), buffer);
      end(self, line);
      return;
    }
    line->state = OPEN;
    self->attached++;
    from = body;
  }
  count(self, line, from, until, now);
}

static void publish(uint64_t now) {
  char digits[DIGITS + 1];
  snprintf(digits, sizeof digits, "%020llu", (unsigned long long)now);
  memcpy(event + event_time_at, digits, DIGITS);
  for (int i = 0; i < publisher_count; i++) {
    ssize_t sent;
    while ((sent = send(publishers[i], event, event_size, MSG_NOSIGNAL)) < 0 && errno == EAGAIN) usleep(100);
    if (sent != (ssize_t)event_size) fail("publish");
  }
  published++;
}

static void turn(struct reader *self) {
  if (stalled) {
    usleep(100000);
    return;
  }
  struct epoll_event ready[1024];
  int n = epoll_wait(self->poll_fd, ready, 1024, 100);
  uint64_t now = now_ns();
  for (int i = 0; i < n; i++) {
    int index = (int)ready[i].data.u32;
    if (lines[index].state == CONNECTING) send_head(self, index);
    else if (lines[index].state != GONE) receive(self, index, now);
  }
}

static void *read_all(void *given) {
  struct reader *self = given;
  for (;;) {
    int under_way = self->started - self->attached - self->refused - self->lost;
    for (; self->started < self->mine && under_way < in_flight; under_way++)
      start_line(self, self->number + thread_count * self->started++);
    turn(self);
  }
  return NULL;
}

static void start_readers(void) {
  for (int i = 0; i < thread_count; i++) {
    struct reader *reader = &readers[i];
    pthread_t thread;
    reader->number = i;
    reader->mine = connections / thread_count + (i < connections % thread_count);
    reader->poll_fd = epoll_create1(0);
    reader->delays = calloc(SLOTS, sizeof *reader->delays);
    if (pthread_create(&thread, NULL, read_all, reader)) fail("pthread_create");
  }
}

static void attach(void) {
  uint64_t from = now_ns();
  int attached, refused;
  start_readers();
  do {
    usleep(PAUSE_US);
    attached = refused = 0;
    for (int i = 0; i < thread_count; i++) {
      attached += readers[i].attached - readers[i].lost;
      refused += readers[i].refused + readers[i].lost;
    }
  } while (attached + refused < connections && now_ns() - from < PATIENCE_NS);
  double seconds = (double)(now_ns() - from) / 1e9;
  printf("{\"attached\":%d,\"refused\":%d,\"seconds\":%.6f}\n", attached, refused, seconds);
  fflush(stdout);
}

static double cpu_seconds(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static double quantile_ms(uint64_t total, double part) {
  uint64_t wanted = (uint64_t)((double)total * part), seen = 0;
  for (int slot = 0; slot < SLOTS; slot++) {
    for (int i = 0; i < thread_count; i++) seen += atomic_load_explicit(&readers[i].delays[slot], memory_order_relaxed);
    if (seen > wanted) return ((double)slot + 0.5) * (double)SLOT_NS / 1e6;
  }
  return 0;
}

static uint64_t all_arrived(void) {
  uint64_t sum = 0;
  for (int i = 0; i < thread_count; i++) sum += readers[i].arrived;
  return sum;
}

static int all_lost(void) {
  int sum = 0;
  for (int i = 0; i < thread_count; i++) sum += readers[i].lost;
  return sum;
}

// One measure: what had arrived and been published before it, and when it began.
struct measure {
  uint64_t arrived, published, from;
  double cpu;
};

static struct measure begin(void) {
  for (int i = 0; i < thread_count; i++)
    for (int slot = 0; slot < SLOTS; slot++) atomic_store_explicit(&readers[i].delays[slot], 0, memory_order_relaxed);
  return (struct measure){all_arrived(), published, now_ns(), cpu_seconds()};
}

static uint64_t said(struct measure since) {
  return published - since.published;
}

static uint64_t everywhere(struct measure since) { // events that arrived on every line, if no line was overtaken
  int open = connections - all_lost();
  return (all_arrived() - since.arrived) / (uint64_t)(open > 0 ? open : 1);
}

static void wait_a_little(void) {
  char answer[4096];
  for (int i = 0; i < publisher_count; i++)
    if (recv(publishers[i], answer, sizeof answer, 0) == 0) fail("the publisher's line ended");
  usleep(PAUSE_US);
}

// Tells what was measured, then waits until all that was published has arrived.
static void tell(struct measure since) {
  uint64_t until = now_ns(), counted = all_arrived() - since.arrived;
  printf("{\"deliveries\":%llu,\"seconds\":%.6f,\"cpu\":%.6f,\"events\":%llu,\"lost\":%d,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
         (unsigned long long)counted, (double)(until - since.from) / 1e9, cpu_seconds() - since.cpu,
         (unsigned long long)said(since), all_lost(), quantile_ms(counted, 0.5), quantile_ms(counted, 0.99));
  fflush(stdout);
  while (!all_lost() && everywhere(since) < said(since) && now_ns() - until < PATIENCE_NS) wait_a_little();
}

static void closed(int window, double seconds, uint64_t least) {
  struct measure since = begin();
  for (uint64_t now = since.from; now - since.from < PATIENCE_NS; now = now_ns()) {
    uint64_t done = everywhere(since);
    if ((double)(now - since.from) >= seconds * 1e9 && done >= least) break;
    while (said(since) < done + (uint64_t)window) publish(now_ns());
    wait_a_little();
  }
  tell(since);
}

static void open_loop(double rate, double seconds) {
  struct measure since = begin();
  for (uint64_t now = since.from; (double)(now - since.from) < seconds * 1e9; now = now_ns()) {
    uint64_t due = (uint64_t)((double)(now - since.from) / 1e9 * rate);
    while (said(since) < due) publish(now_ns());
    wait_a_little();
  }
  tell(since);
}

static int ports_of(char *text, int *found) {
  int n = 0;
  for (char *part = strtok(text, ","); part && n < MOST_PORTS; part = strtok(NULL, ",")) found[n++] = atoi(part);
  return n;
}

static void open_publishers(int *to) {
  for (int i = 0; i < publisher_count; i++) {
    int on = 1;
    struct sockaddr_in theirs = address(INADDR_LOOPBACK, to[i]);
    publishers[i] = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(publishers[i], (struct sockaddr *)&theirs, sizeof theirs)) fail("the publisher's port");
    setsockopt(publishers[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(publishers[i], F_SETFL, O_NONBLOCK);
  }
}

int main(int argc, char **argv) {
  if (argc != 8) return 2;
  size_t size;
  char *head = contents(argv[1], &size);
  event = contents(argv[2], &event_size);
  char *place = memmem(event, event_size, "@@@@@@@@@@@@@@@@@@@@", DIGITS);
  if (!place) return 2;
  event_time_at = (size_t)(place - event);
  connections = atoi(argv[3]);
  lines = calloc((size_t)connections, sizeof *lines);
  heads = calloc((size_t)connections, sizeof *heads);
  thread_count = atoi(argv[7]);
  in_flight = atoi(argv[4]) / thread_count;
  for (int i = 0; i < connections; i++, head += strlen(head) + 1) heads[i] = head;
  int to[MOST_PORTS];
  port_count = ports_of(argv[5], ports);
  publisher_count = ports_of(argv[6], to);
  attach();
  open_publishers(to);
  char command[128];
  while (fgets(command, sizeof command, stdin)) {
    int window;
    double rate, seconds;
    unsigned long long least;
    if (sscanf(command, "closed %d %lf %llu", &window, &seconds, &least) == 3) closed(window, seconds, least);
    else if (sscanf(command, "open %lf %lf", &rate, &seconds) == 2) open_loop(rate, seconds);
    else if (!strncmp(command, "stall", 5)) {
      stalled = true;
      puts("{}");
      fflush(stdout);
    } else return 2;
  }
  return 0;
}
