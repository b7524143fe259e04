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
# shellcheck disable=SC2086 -- several words on purpose
exec "$(dirname "$0")/packages.sh" "for a node that runs pods these are missing" $missing
