/*
 * What the kernel knows of a socket and Node.js does not ask it: where a redirected connection was going (SO_ORIGINAL_DST), and who is
 * at the other end of a unix socket (SO_PEERCRED). Node-API only, so that one build serves every Node.js.
 */
#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <node_api.h>
#include <string.h>
#include <sys/socket.h>

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

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
    {"originalDestination", NULL, original_destination, NULL, NULL, NULL, napi_enumerable, NULL},
    {"peerCredentials", NULL, peer_credentials, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions);
  return exports;
}
