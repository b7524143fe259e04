#!/bin/sh
# remove.sh FOLDER: removes what the kernel does not by itself when the processes of a cluster have gone: its control groups,
# which carry the folder's name, and the folder. Used by the owner, by the guard that outlives it, and by the next start.
set -u
folder=$1
name=${folder##*/}
case $name in sallyport-node-??????) ;; *) echo "remove: $folder is no folder of a cluster" >&2; exit 2 ;; esac

groups_left() {
  for group in /sys/fs/cgroup/"$name" /sys/fs/cgroup/*/"$name"; do
    [ -d "$group" ] || continue
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
    [ -d "$group" ] && return 0
  done
  return 1
}

# The last processes may still be dying: a group with one in it cannot be removed, and a folder may be written to.
tries=0
while groups_left || { rm -rf --one-file-system -- "$folder" 2>/dev/null; [ -e "$folder" ]; }; do
  tries=$((tries + 1))
  if [ "$tries" -ge 600 ]; then
    echo "remove: what is left of $name cannot be removed" >&2
    exit 1
  fi
  sleep 0.05
done
