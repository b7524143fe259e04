/** T19: what all containers of a pod have in common: shared memory, System V's objects, abstract sockets, the host's name. */
import type { Duel, LiveThreat } from "../support/duel.ts";
import { type NodeField, OUTSIDE, SHOP, VICTIMS } from "./support/field.ts";

const shared = (name: string, script: string): Duel<NodeField> => {
  const look = async ({ inside }: NodeField, at: string, pod: string) => {
    const said = (await inside(at, pod, script)).trim();
    return { hasWorked: said !== "", said: said || "nothing is there" };
  };
  return {
    name,
    without: (field) => look(field, OUTSIDE, "shared"),
    with: (field) => look(field, SHOP, VICTIMS[0]),
    stopped: /^nothing is there$/,
  };
};

const ASK = `python3 - <<'PROGRAM'
import socket
for line in open("/proc/net/unix").read().splitlines()[1:]:
    fields = line.split()
    if int(fields[3], 16) & 0x10000 and len(fields) > 7:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(2)
                client.connect(fields[7].replace("@", "\\0", 1))
                print(fields[7], client.recv(64).decode())
        except OSError as problem:
            print(fields[7], problem.strerror)
PROGRAM`;

export const SHARED: LiveThreat<NodeField> = {
  id: "T19",
  title: "what the containers of a pod have in common",
  duels: [
    shared("files in /dev/shm", "grep --recursive --text . /dev/shm"),
    shared(
      "System V's shared memory, semaphores and queues",
      "tail --quiet --lines=+2 /proc/sysvipc/shm /proc/sysvipc/sem /proc/sysvipc/msg",
    ),
    shared("sockets at which somebody of the pod listens", ASK),
  ],
};
