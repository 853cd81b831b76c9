// The load generator: holds event streams open, publishes events that carry the time, counts what arrives and how late.
//
// load HEADS EVENT CONNECTIONS IN_FLIGHT STREAM_PORTS PUBLISH_PORTS
//   HEADS    one request per connection, each ended by a NUL
//   EVENT    what is written to publish one event; twenty @ in it are replaced by the time in nanoseconds
//   PORTS    comma-separated, on 127.0.0.1; connections are spread over them, events go to each
//
// It attaches at once, then takes commands from standard input and answers each with one line of JSON:
//   closed WINDOW SECONDS EVENTS   at most WINDOW events under way at a time; for SECONDS, and until EVENTS arrived everywhere
//   open RATE SECONDS              RATE events a second, whatever arrives
// One thread. An event is found by its member "at", wherever reads and chunks cut the stream.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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

#define MARK "\"at\":\""
#define MARK_SIZE (sizeof MARK - 1)
#define DIGITS 20
#define KEPT (MARK_SIZE + DIGITS)
#define SLOT_NS 50000ull // resolution of delays
#define SLOTS 2400000    // two minutes
#define MOST_PORTS 8
#define PATIENCE_NS 300000000000ull

enum state { CONNECTING, WAITING, OPEN, GONE };

struct line {
  int fd;
  enum state state;
  unsigned char kept_size;
  char kept[KEPT];
};

static struct line *lines;
static char **heads;
static int connections, attached, refused, lost, started;
static int publishers[MOST_PORTS], ports[MOST_PORTS], port_count, publisher_count;
static char *event;
static size_t event_size, event_time_at;
static uint64_t arrived, published;
static uint32_t *delays;
static int poll_fd;
static char buffer[1 << 18];

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

static void watch(int fd, uint32_t events, int index, int op) {
  struct epoll_event wanted = {.events = events, .data.u32 = (uint32_t)index};
  if (epoll_ctl(poll_fd, op, fd, &wanted)) fail("epoll_ctl");
}

static void end(struct line *line) {
  close(line->fd);
  if (line->state == OPEN) lost++;
  else refused++;
  line->state = GONE;
}

static void send_head(int index) {
  struct line *line = &lines[index];
  size_t size = strlen(heads[index]);
  if (send(line->fd, heads[index], size, MSG_NOSIGNAL) != (ssize_t)size) {
    end(line);
    return;
  }
  line->state = WAITING;
  watch(line->fd, EPOLLIN, index, EPOLL_CTL_MOD);
}

static void start_line(int index) {
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
  watch(line->fd, EPOLLOUT, index, EPOLL_CTL_ADD);
}

static void take_event(const char *digits, uint64_t now) {
  uint64_t at = 0;
  for (int i = 0; i < DIGITS; i++) at = at * 10 + (uint64_t)(digits[i] - '0');
  uint64_t slot = (now - at) / SLOT_NS;
  delays[slot < SLOTS ? slot : SLOTS - 1]++;
  arrived++;
}

static void count(struct line *line, const char *from, const char *until, uint64_t now) {
  const char *found;
  while ((found = memmem(from, (size_t)(until - from), MARK, MARK_SIZE))) {
    if (until - found < (ssize_t)KEPT) break;
    take_event(found + MARK_SIZE, now);
    from = found + KEPT;
  }
  if (!found) found = until - from < (ssize_t)MARK_SIZE - 1 ? from : until - (MARK_SIZE - 1);
  line->kept_size = (unsigned char)(until - found);
  memcpy(line->kept, found, line->kept_size);
}

static void receive(int index, uint64_t now) {
  struct line *line = &lines[index];
  memcpy(buffer, line->kept, line->kept_size);
  ssize_t size = recv(line->fd, buffer + line->kept_size, sizeof buffer - KEPT, 0);
  if (size <= 0) {
    if (size < 0 && errno == EAGAIN) return;
    end(line);
    return;
  }
  const char *from = buffer, *until = buffer + line->kept_size + size;
  if (line->state == WAITING) {
    const char *body = memmem(buffer, (size_t)(until - from), "\r\n\r\n", 4);
    if (!body || strncmp(buffer, "HTTP/1.1 200", 12)) {
      if (!refused) fprintf(stderr, "refused: %.*s\n", (int)(until - from), buffer);
      end(line);
      return;
    }
    line->state = OPEN;
    attached++;
    from = body;
  }
  count(line, from, until, now);
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

static void turn(int milliseconds) {
  struct epoll_event ready[1024];
  int n = epoll_wait(poll_fd, ready, 1024, milliseconds);
  uint64_t now = now_ns();
  for (int i = 0; i < n; i++) {
    int index = (int)ready[i].data.u32;
    if (index >= connections) { // an answer to a publication
      if (recv(publishers[index - connections], buffer, sizeof buffer, 0) == 0) fail("the publisher's line ended");
    } else if (lines[index].state == CONNECTING) {
      send_head(index);
    } else if (lines[index].state != GONE) {
      receive(index, now);
    }
  }
}

static void attach(int in_flight) {
  uint64_t from = now_ns();
  while (attached + refused + lost < connections) {
    while (started < connections && started - attached - refused - lost < in_flight) start_line(started++);
    turn(100);
    if (now_ns() - from > PATIENCE_NS) break;
  }
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
  for (int slot = 0; slot < SLOTS; slot++)
    if ((seen += delays[slot]) > wanted) return ((double)slot + 0.5) * (double)SLOT_NS / 1e6;
  return 0;
}

static void tell(uint64_t counted, double seconds, double cpu, uint64_t events) {
  printf("{\"deliveries\":%llu,\"seconds\":%.6f,\"cpu\":%.6f,\"events\":%llu,\"lost\":%d,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
         (unsigned long long)counted, seconds, cpu, (unsigned long long)events, lost, quantile_ms(counted, 0.5),
         quantile_ms(counted, 0.99));
  fflush(stdout);
}

static uint64_t everywhere(uint64_t since) { // events that arrived on every line, if no line was overtaken
  return (arrived - since) / (uint64_t)(attached - lost > 0 ? attached - lost : 1);
}

static void drain(uint64_t since, uint64_t events) {
  uint64_t from = now_ns();
  while (everywhere(since) < events && now_ns() - from < PATIENCE_NS) turn(10);
}

static void closed(int window, double seconds, uint64_t least) {
  memset(delays, 0, SLOTS * sizeof *delays);
  uint64_t since = arrived, first = published, from = now_ns();
  uint64_t limit = (uint64_t)(seconds * 1e9);
  double cpu = cpu_seconds();
  for (;;) {
    uint64_t now = now_ns();
    if (now - from > PATIENCE_NS) break;
    if (now - from >= limit && everywhere(since) >= least) break;
    while (published - first < everywhere(since) + (uint64_t)window) publish(now_ns());
    turn(1);
  }
  tell(arrived - since, (double)(now_ns() - from) / 1e9, cpu_seconds() - cpu, published - first);
  drain(since, published - first);
}

static void open_loop(double rate, double seconds) {
  memset(delays, 0, SLOTS * sizeof *delays);
  uint64_t since = arrived, first = published, from = now_ns();
  uint64_t limit = (uint64_t)(seconds * 1e9);
  double cpu = cpu_seconds();
  for (uint64_t now = from; now - from < limit; now = now_ns()) {
    uint64_t due = (uint64_t)((double)(now - from) / 1e9 * rate);
    while (published - first < due) publish(now_ns());
    turn(1);
  }
  tell(arrived - since, (double)(now_ns() - from) / 1e9, cpu_seconds() - cpu, published - first);
  drain(since, published - first);
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
    watch(publishers[i], EPOLLIN, connections + i, EPOLL_CTL_ADD);
  }
}

int main(int argc, char **argv) {
  if (argc != 7) return 2;
  size_t size;
  char *head = contents(argv[1], &size);
  event = contents(argv[2], &event_size);
  char *place = memmem(event, event_size, "@@@@@@@@@@@@@@@@@@@@", DIGITS);
  if (!place) return 2;
  event_time_at = (size_t)(place - event);
  connections = atoi(argv[3]);
  lines = calloc((size_t)connections, sizeof *lines);
  heads = calloc((size_t)connections, sizeof *heads);
  delays = calloc(SLOTS, sizeof *delays);
  for (int i = 0; i < connections; i++, head += strlen(head) + 1) heads[i] = head;
  int to[MOST_PORTS];
  port_count = ports_of(argv[5], ports);
  publisher_count = ports_of(argv[6], to);
  poll_fd = epoll_create1(0);
  attach(atoi(argv[4]));
  open_publishers(to);
  char command[128];
  while (fgets(command, sizeof command, stdin)) {
    int window;
    double rate, seconds;
    unsigned long long least;
    if (sscanf(command, "closed %d %lf %llu", &window, &seconds, &least) == 3) closed(window, seconds, least);
    else if (sscanf(command, "open %lf %lf", &rate, &seconds) == 2) open_loop(rate, seconds);
    else return 2;
  }
  return 0;
}
