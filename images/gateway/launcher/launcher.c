/*
 * The first process of the gateway's container. It opens the ports that gw-init's rules lead to, starts the gateway with them, and
 * starts it again whenever it ends: a port that was free for a moment would be any container's of the pod, and everything that the
 * others send with it. It reads nothing that a container of the pod can write.
 *
 *   launcher LISTENER... -- PROGRAM [ARGUMENT...]
 *
 * LISTENER is tcp:ADDRESS:PORT or udp:ADDRESS:PORT, IPv6 in brackets; [::] is every address of both families. TCP listeners are handed
 * on by the convention of sd_listen_fds(3), named tcp4-PORT, tcp6-PORT, and tcp-PORT for every address: connections wait in their queues
 * while the gateway starts again. UDP ports are only held: libuv would set SO_REUSEADDR on one that it is given, and then whoever sets
 * it too shares the port, whatever their user. The gateway opens them with SO_REUSEPORT, which the kernel grants to the same user alone.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

/* Between two starts of a gateway that fails at once. A test that makes it fail often has less patience. */
#ifndef PAUSE_MS_MAX
#define PAUSE_MS_MAX 5000
#endif

enum {
  FIRST_FD = 3,
  LISTENERS_MAX = 16,
  BACKLOG = 511, /* Node.js's own. */
  OPEN_FILES_MAX = 16384,
  NAME_BYTES_MAX = 16,
  /* A gateway that lived so long has not failed by starting. */
  LIVED_MS = 10000,
  PAUSE_MS_MIN = 100,
  CANNOT_START = 127,
};

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

struct listeners {
  int count;
  char names[LISTENERS_MAX * NAME_BYTES_MAX];
};

/* One line as the gateway writes them; what varies in it is numbers and words that are ours. */
__attribute__((format(printf, 2, 3))) static void say(const char *level, const char *format, ...) {
  char line[512];
  struct timespec now;
  struct tm utc;
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &utc);
  size_t used = strftime(line, sizeof line, "{\"time\":\"%FT%T", &utc);
  used += (size_t)snprintf(line + used, sizeof line - used, ".%03ldZ\",\"level\":\"%s\",", now.tv_nsec / 1000000, level);
  va_list arguments;
  va_start(arguments, format);
  used += (size_t)vsnprintf(line + used, sizeof line - used - 2, format, arguments);
  va_end(arguments);
  if (used > sizeof line - 3) used = sizeof line - 3;
  memcpy(line + used, "}\n", 2);
  /* Nobody is left to tell that nobody listens. */
  if (write(STDERR_FILENO, line, used + 2) < 0) return;
}

static void fail(int code, const char *what, int error) {
  say("error", "\"message\":\"%s\",\"error\":\"%s\"", what, strerror(error));
  exit(code);
}

static int usage(void) {
  fprintf(stderr, "usage: launcher {tcp|udp}:ADDRESS:PORT... -- PROGRAM [ARGUMENT...]\n");
  return EX_USAGE;
}

/* False for what is no ADDRESS:PORT. */
static int parse(const char *text, union address *to, socklen_t *length) {
  char host[INET6_ADDRSTRLEN + 2], *end;
  const char *colon = strrchr(text, ':');
  if (colon == NULL || (size_t)(colon - text) >= sizeof host) return 0;
  memcpy(host, text, (size_t)(colon - text));
  host[colon - text] = '\0';
  const unsigned long port = strtoul(colon + 1, &end, 10);
  if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || port == 0 || port > 65535) return 0;
  memset(to, 0, sizeof *to);
  if (host[0] == '[' && host[strlen(host) - 1] == ']') {
    host[strlen(host) - 1] = '\0';
    to->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    *length = sizeof to->v6;
    return inet_pton(AF_INET6, host + 1, &to->v6.sin6_addr) == 1;
  }
  to->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  *length = sizeof to->v4;
  return inet_pton(AF_INET, host, &to->v4.sin_addr) == 1;
}

static int set(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value);
}

static int is_every_address(const union address *at) {
  return at->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&at->v6.sin6_addr);
}

/* A pod may be without one of the families, or without its loopback address: nothing is redirected to it then. */
static int is_without(int error) {
  return error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
}

/* The open socket, or -1 with errno. */
static int open_listener(int type, const union address *at, socklen_t length) {
  const int fd = socket(at->any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  const int is_tcp = type == SOCK_STREAM;
  int failed = at->any.sa_family == AF_INET6 && set(fd, SOL_IPV6, IPV6_V6ONLY, !is_every_address(at)) != 0;
  /* For TCP, so that connections of an earlier container that linger are no obstacle; one that listens cannot be joined by it. */
  failed = failed || set(fd, SOL_SOCKET, is_tcp ? SO_REUSEADDR : SO_REUSEPORT, 1) != 0;
  failed = failed || bind(fd, &at->any, length) != 0;
  /* A socket with a peer is asked last: what is sent to the port is the gateway's, or nobody's. Its own address is no sender. */
  failed = failed || (is_tcp ? listen(fd, BACKLOG) : connect(fd, &at->any, length)) != 0;
  if (!failed) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

static int open_one(int type, union address *at, socklen_t length) {
  const int fd = open_listener(type, at, length);
  if (fd >= 0 || !is_without(errno) || !is_every_address(at)) return fd;
  at->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = at->v6.sin6_port};
  return open_listener(type, at, sizeof at->v4);
}

static void note(struct listeners *opened, const union address *at, int is_every) {
  const size_t used = strlen(opened->names);
  const char *const family = is_every ? "" : at->any.sa_family == AF_INET ? "4" : "6";
  /* Both kinds of address have the port at the same place. */
  snprintf(opened->names + used, sizeof opened->names - used, "%stcp%s-%d", used > 0 ? ":" : "", family, ntohs(at->v4.sin_port));
  opened->count += 1;
}

/* False when one of them cannot be read. */
static int open_all(char *const words[], int count, const char *transport, struct listeners *opened) {
  const size_t prefix = strlen(transport);
  const int is_tcp = strcmp(transport, "tcp:") == 0;
  for (int each = 0; each < count; each += 1) {
    union address at;
    socklen_t length;
    if (strncmp(words[each], transport, prefix) != 0) continue;
    if (!parse(words[each] + prefix, &at, &length)) return 0;
    const int is_every = is_every_address(&at);
    const int fd = open_one(is_tcp ? SOCK_STREAM : SOCK_DGRAM, &at, length);
    if (fd < 0 && is_without(errno)) continue;
    if (fd < 0) fail(EX_UNAVAILABLE, words[each], errno);
    if (!is_tcp) continue;
    if (fd != FIRST_FD + opened->count) fail(EX_SOFTWARE, "a listener has an unexpected number", EBADF);
    note(opened, &at, is_every);
  }
  return 1;
}

static void limit(int resource, rlim_t most) {
  struct rlimit limits;
  if (getrlimit(resource, &limits) != 0) fail(EX_OSERR, "limits cannot be read", errno);
  if (limits.rlim_max > most) limits.rlim_max = most;
  limits.rlim_cur = limits.rlim_max;
  if (setrlimit(resource, &limits) != 0) fail(EX_OSERR, "limits cannot be set", errno);
}

/* In the new process. Does not return. */
static void become(char *const program[], const struct listeners *opened, const sigset_t *mask, unsigned restarts) {
  char number[16];
  /* Where the launcher is not the first process, its end is no end of the others by itself. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int each = 0; each < opened->count; each += 1)
    if (fcntl(FIRST_FD + each, F_SETFD, 0) != 0) _exit(CANNOT_START);
  snprintf(number, sizeof number, "%d", opened->count);
  setenv("LISTEN_FDS", number, 1);
  snprintf(number, sizeof number, "%d", getpid());
  setenv("LISTEN_PID", number, 1);
  setenv("LISTEN_FDNAMES", opened->names, 1);
  snprintf(number, sizeof number, "%u", restarts);
  setenv("GW_RESTARTS", number, 1);
  sigprocmask(SIG_SETMASK, mask, NULL);
  execv(program[0], program);
  fail(CANNOT_START, "the gateway cannot be started", errno);
}

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for a signal at most so long; 0 when none came. */
static int next_signal(const sigset_t *signals, long most_ms) {
  const struct timespec most = {most_ms / 1000, most_ms % 1000 * 1000000};
  int signal;
  do signal = most_ms < 0 ? sigwaitinfo(signals, NULL) : sigtimedwait(signals, NULL, &most);
  while (signal < 0 && errno == EINTR);
  return signal < 0 ? 0 : signal;
}

/* Runs the gateway once. Everybody else's orphans end here too. */
static int run(pid_t gateway, const sigset_t *signals, int *told) {
  for (;;) {
    int status;
    pid_t ended;
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0)
      if (ended == gateway) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    const int signal = next_signal(signals, -1);
    if (signal == SIGCHLD || signal == 0) continue;
    *told = 1;
    kill(gateway, SIGTERM);
  }
}

/* What starting again cannot cure. */
static int is_final(int code) {
  return code == EX_CONFIG || code == EX_USAGE || code == CANNOT_START;
}

static int serve(char *const program[], const struct listeners *opened, const sigset_t *signals, const sigset_t *mask) {
  long pause_ms = 0;
  int told = 0;
  for (unsigned restarts = 0;; restarts += 1) {
    const long began_ms = now_ms();
    const pid_t gateway = fork();
    if (gateway < 0) fail(EX_OSERR, "no process for the gateway", errno);
    if (gateway == 0) become(program, opened, mask, restarts);
    const int code = run(gateway, signals, &told);
    if (told || is_final(code)) return code;

    const int is_early = now_ms() - began_ms < LIVED_MS;
    const long doubled = pause_ms == 0 ? PAUSE_MS_MIN : pause_ms * 2;
    pause_ms = !is_early ? 0 : doubled < PAUSE_MS_MAX ? doubled : PAUSE_MS_MAX;
    say("error", "\"message\":\"the gateway ended and is started again\",\"code\":%d,\"inMs\":%ld", code, pause_ms);
    const long until_ms = now_ms() + pause_ms;
    for (long left_ms = pause_ms; left_ms > 0; left_ms = until_ms - now_ms()) {
      const int signal = next_signal(signals, left_ms);
      if (signal != 0 && signal != SIGCHLD) return EX_OK;
    }
  }
}

int main(int count, char *words[]) {
  int end = 1;
  while (end < count && strcmp(words[end], "--") != 0) {
    if (strncmp(words[end], "tcp:", 4) != 0 && strncmp(words[end], "udp:", 4) != 0) return usage();
    end += 1;
  }
  if (end - 1 > LISTENERS_MAX || end + 1 >= count) return usage();

  sigset_t signals, mask;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGCHLD);
  sigprocmask(SIG_BLOCK, &signals, &mask);

  /* One byte and not none: where cores go to a program, the kernel asks it for those of no size as well. */
  limit(RLIMIT_CORE, 1);
  limit(RLIMIT_NOFILE, OPEN_FILES_MAX);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail(EX_OSERR, "new privileges cannot be given up", errno);
  if (close_range(FIRST_FD, ~0U, 0) != 0) fail(EX_OSERR, "what was inherited cannot be closed", errno);
  struct listeners opened = {0};
  /* The TCP ones first, at FIRST_FD and on: only they are handed on. */
  if (!open_all(words + 1, end - 1, "tcp:", &opened) || !open_all(words + 1, end - 1, "udp:", &opened)) return usage();
  return serve(words + end + 1, &opened, &signals, &mask);
}
