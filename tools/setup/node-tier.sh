#!/bin/sh
# What a node for tests runs with besides Kubernetes' own programs, from the distribution.
set -u
missing=""
want() { # PACKAGE FILE...: one of the files tells that it is there
  package=$1
  shift
  for file in "$@"; do [ -x "$file" ] && return; done
  missing="$missing $package"
}
want containerd /usr/bin/containerd
want runc /usr/sbin/runc /usr/bin/runc
want containernetworking-plugins /usr/lib/cni/ptp
want nftables /usr/sbin/nft
want conntrack /usr/sbin/conntrack
want iproute2 /usr/sbin/ip /sbin/ip /usr/bin/ip
want mmdebstrap /usr/bin/mmdebstrap
want gcc /usr/bin/gcc
want libc6-dev /usr/include/stdio.h
[ -e /usr/include/stdio.h ] && missing=$(echo "$missing" | sed 's/ libc6-dev//')
[ -z "$missing" ] && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "setup: for a node that runs pods these are missing:$missing" >&2
  exit 1
fi
echo "setup: apt-get install$missing"
export DEBIAN_FRONTEND=noninteractive
# Their services are not to start; each test starts its own.
policy=/usr/sbin/policy-rc.d
[ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && trap 'rm -f "$policy"' EXIT; }
# shellcheck disable=SC2086 -- several words on purpose
{ apt-get -qq update && apt-get -qq install -y --no-install-recommends $missing; } >/dev/null 2>&1 || {
  echo "setup: for a node that runs pods these are missing, and apt-get could not install them:$missing" >&2
  exit 1
}
