/*
 * What the kernel knows of a socket and Node.js does not ask it: where a redirected connection was going (SO_ORIGINAL_DST), and who is
 * at the other end of a unix socket (SO_PEERCRED) or of a TCP connection within this host (NETLINK_SOCK_DIAG). Node-API only, so that
 * one build serves every Node.js.
 */
#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <node_api.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

/* Node-API fails where an exception is pending or memory is gone: there is nothing to add to either. */
static void put_number(napi_env env, napi_value object, const char *name, int64_t number) {
  napi_value value;
  if (napi_create_int64(env, number, &value) == napi_ok) napi_set_named_property(env, object, name, value);
}

static napi_value refuse(napi_env env, int error) {
  napi_throw_error(env, strerrorname_np(error), strerror(error));
  return NULL;
}

static int descriptor(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  int32_t fd;
  if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) != napi_ok || count < 1) return -1;
  return napi_get_value_int32(env, argument, &fd) == napi_ok ? fd : -1;
}

static int is_own(const union address *own, const union address *original) {
  if (original->any.sa_family == AF_INET6)
    return own->v6.sin6_port == original->v6.sin6_port &&
           memcmp(&own->v6.sin6_addr, &original->v6.sin6_addr, sizeof own->v6.sin6_addr) == 0;
  if (own->any.sa_family == AF_INET)
    return own->v4.sin_port == original->v4.sin_port && own->v4.sin_addr.s_addr == original->v4.sin_addr.s_addr;
  return own->v6.sin6_port == original->v4.sin_port && IN6_IS_ADDR_V4MAPPED(&own->v6.sin6_addr) &&
         memcmp(&own->v6.sin6_addr.s6_addr[12], &original->v4.sin_addr, sizeof original->v4.sin_addr) == 0;
}

/* Undefined where nobody has changed the destination: the kernel then knows no other, or gives our own address. */
static napi_value original_destination(napi_env env, napi_callback_info info) {
  const int fd = descriptor(env, info);
  union address own = {0}, original = {0};
  socklen_t length = sizeof own;
  if (getsockname(fd, &own.any, &length) != 0) return refuse(env, errno);
  const int family = own.any.sa_family;
  if (family != AF_INET && family != AF_INET6) return NULL;
  /* A socket for both families carries IPv4 under an IPv6 address. */
  const int is_v6 = family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&own.v6.sin6_addr);
  length = is_v6 ? sizeof original.v6 : sizeof original.v4;
  const int level = is_v6 ? SOL_IPV6 : SOL_IP, option = is_v6 ? IP6T_SO_ORIGINAL_DST : SO_ORIGINAL_DST;
  if (getsockopt(fd, level, option, &original, &length) != 0)
    return errno == ENOENT || errno == ENOPROTOOPT ? NULL : refuse(env, errno);
  if (is_own(&own, &original)) return NULL;

  char text[INET6_ADDRSTRLEN];
  const void *bytes = is_v6 ? (void *)&original.v6.sin6_addr : (void *)&original.v4.sin_addr;
  napi_value found, address;
  if (inet_ntop(original.any.sa_family, bytes, text, sizeof text) == NULL) return refuse(env, errno);
  if (napi_create_object(env, &found) != napi_ok) return NULL;
  if (napi_create_string_latin1(env, text, NAPI_AUTO_LENGTH, &address) != napi_ok) return NULL;
  napi_set_named_property(env, found, "address", address);
  put_number(env, found, "port", ntohs(is_v6 ? original.v6.sin6_port : original.v4.sin_port));
  put_number(env, found, "family", is_v6 ? 6 : 4);
  return found;
}

/* Undefined for any other socket: the kernel answers for those too, with nobody's numbers. */
static napi_value peer_credentials(napi_env env, napi_callback_info info) {
  const int fd = descriptor(env, info);
  struct ucred peer;
  int family;
  socklen_t length = sizeof family;
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length) != 0) return refuse(env, errno);
  if (family != AF_UNIX) return NULL;
  length = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return refuse(env, errno);

  napi_value found;
  if (napi_create_object(env, &found) != napi_ok) return NULL;
  put_number(env, found, "pid", peer.pid);
  put_number(env, found, "uid", peer.uid);
  put_number(env, found, "gid", peer.gid);
  return found;
}

/* Of an address of either family, sixteen bytes, IPv4 as an IPv4-mapped one. */
static void put_end(const union address *end, unsigned char bytes[16], __be16 *port) {
  static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (end->any.sa_family == AF_INET6) {
    memcpy(bytes, &end->v6.sin6_addr, 16);
    *port = end->v6.sin6_port;
    return;
  }
  memcpy(bytes, mapped, sizeof mapped);
  memcpy(bytes + sizeof mapped, &end->v4.sin_addr, 4);
  *port = end->v4.sin_port;
}

static void put_diag_end(sa_family_t family, const __be32 *words, unsigned char bytes[16]) {
  union address end = {0};
  __be16 port;
  end.any.sa_family = family;
  memcpy(family == AF_INET6 ? (void *)&end.v6.sin6_addr : (void *)&end.v4.sin_addr, words, family == AF_INET6 ? 16 : 4);
  put_end(&end, bytes, &port);
}

struct ends {
  unsigned char local[16], remote[16];
  __be16 local_port, remote_port;
};

/* One that a process still holds: a client may have said all that it has to say. */
static int is_open(const struct inet_diag_msg *found) {
  switch (found->idiag_state) {
    case TCP_ESTABLISHED:
    case TCP_FIN_WAIT1:
    case TCP_FIN_WAIT2:
    case TCP_CLOSE_WAIT:
      return found->idiag_inode != 0;
    default:
      return 0;
  }
}

/* The kernel answers with a socket that only listens where it has no other. */
static int is_wanted(const struct inet_diag_msg *found, const struct ends *wanted) {
  unsigned char local[16], remote[16];
  if (found->idiag_family != AF_INET && found->idiag_family != AF_INET6) return 0;
  put_diag_end(found->idiag_family, found->id.idiag_src, local);
  put_diag_end(found->idiag_family, found->id.idiag_dst, remote);
  return found->id.idiag_sport == wanted->local_port && found->id.idiag_dport == wanted->remote_port &&
         memcmp(local, wanted->local, sizeof local) == 0 && memcmp(remote, wanted->remote, sizeof remote) == 0;
}

struct question {
  struct nlmsghdr head;
  struct inet_diag_req_v2 body;
};

static void ask_for(const struct ends *wanted, struct question *question) {
  const int is_v4 = IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)wanted->local);
  const size_t skipped = is_v4 ? 12 : 0;
  struct inet_diag_sockid *id = &question->body.id;
  memset(question, 0, sizeof *question);
  question->head = (struct nlmsghdr){
    .nlmsg_len = sizeof *question, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = 1};
  question->body.sdiag_family = is_v4 ? AF_INET : AF_INET6;
  question->body.sdiag_protocol = IPPROTO_TCP;
  id->idiag_sport = wanted->local_port;
  id->idiag_dport = wanted->remote_port;
  memcpy(id->idiag_src, wanted->local + skipped, 16 - skipped);
  memcpy(id->idiag_dst, wanted->remote + skipped, 16 - skipped);
  id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
}

/* The owner of the socket with exactly these ends, or -1. The answer is there when the question has been sent. */
static int64_t owner_of(const struct ends *wanted) {
  union {
    struct nlmsghdr head;
    char bytes[1024];
  } answer;
  struct question question;
  struct sockaddr_nl from = {0};
  socklen_t from_length = sizeof from;
  ask_for(wanted, &question);
  const int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (netlink < 0) return -1;
  const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  ssize_t length = sendto(netlink, &question, sizeof question, 0, (const void *)&kernel, sizeof kernel);
  if (length == sizeof question)
    length = recvfrom(netlink, &answer, sizeof answer, MSG_DONTWAIT, (void *)&from, &from_length);
  close(netlink);
  const size_t least = NLMSG_LENGTH(sizeof(struct inet_diag_msg));
  if (length < (ssize_t)least || from.nl_pid != 0 || answer.head.nlmsg_len < least) return -1;
  if (answer.head.nlmsg_type != SOCK_DIAG_BY_FAMILY || answer.head.nlmsg_seq != question.head.nlmsg_seq) return -1;
  const struct inet_diag_msg *found = NLMSG_DATA(&answer.head);
  return is_wanted(found, wanted) && is_open(found) ? (int64_t)found->idiag_uid : -1;
}

/* Undefined where the kernel does not tell: then nobody may be taken for its owner. */
static napi_value peer_owner(napi_env env, napi_callback_info info) {
  const int fd = descriptor(env, info);
  union address own = {0}, peer = {0};
  socklen_t own_length = sizeof own, peer_length = sizeof peer;
  if (getsockname(fd, &own.any, &own_length) != 0) return refuse(env, errno);
  if (own.any.sa_family != AF_INET && own.any.sa_family != AF_INET6) return NULL;
  if (getpeername(fd, &peer.any, &peer_length) != 0) return errno == ENOTCONN ? NULL : refuse(env, errno);
  struct ends wanted;
  put_end(&peer, wanted.local, &wanted.local_port);
  put_end(&own, wanted.remote, &wanted.remote_port);
  const int64_t owner = owner_of(&wanted);
  napi_value value;
  if (owner < 0 || napi_create_int64(env, owner, &value) != napi_ok) return NULL;
  return value;
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
    {"originalDestination", NULL, original_destination, NULL, NULL, NULL, napi_enumerable, NULL},
    {"peerCredentials", NULL, peer_credentials, NULL, NULL, NULL, napi_enumerable, NULL},
    {"peerOwner", NULL, peer_owner, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions);
  return exports;
}
