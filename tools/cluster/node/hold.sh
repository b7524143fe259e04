#!/bin/sh
# hold.sh FOLDER KEPT...: becomes the holder of a machine's namespaces. Descriptor 3 is the owner's lifeline.
# KEPT are folders that the machine must see where the host has them.
set -u
here=$(cd "$(dirname "$0")" && pwd)
folder=$1

# Held by the guard and by pid 1 of the machine as long as either lives: so a start can tell what was left from what is in use.
# It gets its name when it is held already.
exec 9>"$folder/lock.draft"
flock --nonblock 9 && mv "$folder/lock.draft" "$folder/lock" || { echo "hold: $folder cannot be locked" >&2; exit 1; }

# When the owner goes without a word, even by SIGKILL, the kernel ends the machine (see below) and the guard clears up. It ends
# the holder itself should the owner have gone before the kernel was asked to.
( ( if ! read -r word <&3; then
      grep -qz -- "$folder" /proc/$$/cmdline && kill -KILL $$
      exec "$here/remove.sh" "$folder"
    fi ) </dev/null >/dev/null 2>&1 & )

# The owner's death kills unshare, and that kills pid 1, with which every process of the machine goes, then its mounts, its
# interfaces and its rules. Nothing that is mounted in there is seen outside.
exec setpriv --pdeathsig KILL \
  unshare --mount --net --pid --ipc --fork --kill-child --mount-proc --propagation private \
  "$here/machine.sh" "$@" 3<&-
