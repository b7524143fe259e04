#!/bin/sh
# machine.sh FOLDER KEPT...: pid 1 of the machine. Gives it its own view of the host's file system, then stands still.
# FOLDER and every KEPT are seen where the host has them.
set -eu
folder=$1
mount --make-rshared /

# What the node's programs write to outside of FOLDER is the machine's own: nothing of it appears on the host.
mount -t tmpfs tmpfs /mnt
number=0
for kept in "$@"; do
  number=$((number + 1))
  mkdir "/mnt/$number"
  mount --bind "$kept" "/mnt/$number"
done
for place in /run /var/lib /var/log; do
  mount -t tmpfs -o mode=755 tmpfs "$place"
  mount --make-rshared "$place"
done
number=0
for kept in "$@"; do
  number=$((number + 1))
  if [ ! -e "$kept" ]; then
    mkdir -p "$kept"
    mount --bind "/mnt/$number" "$kept"
  fi
done
umount --recursive /mnt
mkdir -p /run/netns /run/lock

# The kubelet insists on these and would write them, for the whole host: it is shown files that have the values it wants.
mkdir -p "$folder/sysctl"
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  name=${setting%%=*}
  file=$folder/sysctl/$(echo "$name" | tr / -)
  echo "${setting#*=}" >"$file"
  mount --bind "$file" "/proc/sys/$name"
done
# A pod with users of its own may mount /proc only where an unmasked one can be seen.
mkdir -p "$folder/proc"
mount -t proc proc "$folder/proc"

mount -t tmpfs tmpfs "$folder/containerd"
echo 1 >/proc/sys/net/ipv4/ip_forward
ip link set lo up
echo ready
exec "$folder/pause" >/dev/null
