/**
 * A pod with all that is in it, one without rules beside it, and a world in which everyone is glad to hear from an agent. Only the way
 * from the gateway to its broker is another one than in a cluster: a socket.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { serve } from "#test/capture/support/attempts.ts";
import { type GwInit, openGwInit } from "#test/capture/support/gw-init.ts";
import { type Network, WORLD, openNetwork, startIn } from "#test/capture/support/network.ts";
import { type Pod, UPSTREAM_NAME, openPod } from "#test/pod-plane/support/pod.ts";
import type { Child } from "#tools/world/child.ts";

export interface NetworkField extends AsyncDisposable {
  readonly pod: Pod;
  readonly init: GwInit;
  /** Sits where the pod's own files lead, and at the attacker's address. */
  readonly impostor: Child;
  /** Another pod, without rules and without a gateway until they are put there; it is the caller's to end. */
  spare(): Promise<Network>;
}

/** Where the attacker is: at the address in the poisoned hosts, and as the name server in the pod's resolv.conf. */
export const ATTACKER = { address: "203.0.113.66", nameServer: "10.96.0.10" } as const;
export { UPSTREAM_NAME };
export const UPSTREAM_PORT = 5432;

/** Everyone but the upstream, who is at a port of their own. */
export const PORTS = { tcp: [53, 80, 443, 6443, 15_001], udp: [443, 5000] } as const;

export const programOf = (name: string): string =>
  fileURLToPath(new URL(`../programs/${name}`, import.meta.url));

export async function openNetworkField(): Promise<NetworkField> {
  await using stack = new AsyncDisposableStack();
  const pod = stack.use(await openPod());
  const { world } = pod.network;
  for (const address of Object.values(ATTACKER))
    execFileSync("nsenter", ["-t", String(world.pid), "-n", "--", "ip", "addr", "add", address, "dev", "lo"]);
  await pod.startBroker();
  await pod.startGateway();
  const init = stack.use(await openGwInit());
  const everywhere = Object.values(WORLD);
  const { tcp, udp } = PORTS;
  stack.use(await serve(world, undefined, { name: "WORLD", tcp: tcp.slice(1), udp, addresses: everywhere }));
  const impostor = stack.use(
    await startIn(world, undefined, [
      "/usr/bin/python3",
      programOf("impostor.py"),
      ATTACKER.address,
      String(UPSTREAM_PORT),
      ATTACKER.nameServer,
    ]),
  );
  await impostor.line(/^listening$/m);
  const owned = stack.move();
  return { pod, init, impostor, spare: openNetwork, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
