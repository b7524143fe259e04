/** The gateway's program as the operator starts it in a pod: with what it is told, and folders that nobody else has. */
import { type Child, startChild } from "#tools/world/child.ts";
import { GATEWAY, type Place, inside } from "./network.ts";

export const ENVIRONMENT = {
  POD_NAME: "agent-1",
  POD_NAMESPACE: "shop",
  POD_UID: "0b7c3c9e-1b1f-4c55-9a1d-6d2f2b0a1e11",
  NODE_NAME: "node-1",
  GW_BROKER: "sallyport-broker.sallyport-system.svc:8443",
  GW_RESOLVERS: "10.96.0.10",
} as const;

/** What it says when it listens. */
export const READY = /"message":"started"/;

/** As volumes in memory, which end with the process: `$1` owns them. In `$2` is what the kubelet would give. */
const FOLDERS = `
set -e
mount -t tmpfs -o mode=755 sallyport "$(readlink -f /var/run)"
for name in token state ca; do mkdir -p /var/run/sallyport/$name; chown "$1" /var/run/sallyport/$name; done
[ -z "$2" ] || mount --bind "$2" /var/run/sallyport/token
shift 2
exec "$@"`;

export function startGateway(
  place: Place,
  command: readonly string[],
  environment: Readonly<Record<string, string>> = ENVIRONMENT,
  tokenFolder = "",
): Child {
  const [enter, ...within] = inside(place, undefined, []);
  const become = inside(place, GATEWAY, command).slice(within.length + 1);
  const folders = [
    "unshare",
    "--mount",
    "sh",
    "-c",
    FOLDERS,
    "sh",
    String(GATEWAY.uid),
    tokenFolder,
    ...become,
  ];
  // Told to stop it waits for the gateway, so that its ports are free for the next.
  return startChild([enter, ...within, ...folders], { endedBy: "SIGTERM", environment });
}
