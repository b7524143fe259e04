/** T31: somebody outside comes in and is answered; and what is left where capture is not there at all. */
import { ownedObjects, type NetworkPolicy } from "#operator/reconcile/owned.ts";
import { attemptOne, serve } from "#test/capture/support/attempts.ts";
import { AGENT, type Network, WORLD, outputIn } from "#test/capture/support/network.ts";
import { runGwInit } from "#test/capture/support/gw-init.ts";
import { NETWORK_POLICIES } from "#operator/kube/resource.ts";
import type { Duel, LiveThreat, Result } from "../support/duel.ts";
import type { NetworkField } from "./support/field.ts";
import { enforcedBy } from "./support/network-policy.ts";
import { dial } from "./support/trying.ts";

/** The one that the operator writes into every labelled namespace. */
function rendered(): NetworkPolicy {
  const owner = { systemNamespace: "sallyport-system", networkPolicy: true };
  const owned = ownedObjects("shop", owner, { authorityPem: undefined });
  const policy = owned.find(({ resource }) => resource === NETWORK_POLICIES);
  if (policy === undefined) throw new Error("the operator writes no network policy");
  return policy.object as NetworkPolicy;
}

/** Two pods of one node, which forwards between them; the policy, where there is one, is for the first. */
async function betweenPods(
  { spare, init }: NetworkField,
  { hasPolicy, isCaptured }: { readonly hasPolicy: boolean; readonly isCaptured: boolean },
  act: (network: Network) => Promise<Result>,
): Promise<Result> {
  await using network = await spare();
  for (const family of ["ipv4", "ipv6"])
    await outputIn(
      network.world,
      undefined,
      "sh",
      "-c",
      `echo 1 >/proc/sys/net/${family}/conf/all/forwarding`,
    );
  if (isCaptured && runGwInit(init.file, network.pod).status !== 0)
    throw new Error("the pod is not captured");
  using _policy = hasPolicy ? enforcedBy(network.world, "pod1", rendered()) : undefined;
  return await act(network);
}

const outcome = (said: string): Result => ({ hasWorked: /AGENT|PEER|WORLD/.test(said), said });

/** The agent has something for whoever asks: rules of the pod let answers out. */
const coming = (name: string, hostOf: (network: Network) => string): Duel<NetworkField> => {
  const ask = async (network: Network): Promise<Result> => {
    const addresses = [network.pod.ipv4, network.pod.ipv6];
    await using _agent = await serve(network.pod, AGENT, { name: "AGENT", tcp: [8_000], addresses });
    const at = { host: hostOf(network), port: 8_000 };
    const [node = ""] = await dial(network.world, [at]);
    // Probes come from the node.
    if (!node.startsWith("AGENT")) return { hasWorked: true, said: `the node is kept out too: ${node}` };
    const [said = ""] = await dial(network.bare, [{ ...at, seconds: 1 }]);
    return outcome(said);
  };
  return {
    name: `${name} (NetworkPolicy by a fixture)`,
    without: (field) => betweenPods(field, { hasPolicy: false, isCaptured: true }, ask),
    with: (field) => betweenPods(field, { hasPolicy: true, isCaptured: true }, ask),
    stopped: /^silence$/,
  };
};

const leaving = (
  name: string,
  to: (network: Network) => {
    readonly host: string;
    readonly port: number;
    readonly protocol: "tcp" | "udp";
  },
): Duel<NetworkField> => {
  const send = async (network: Network): Promise<Result> => {
    await using _peer = await serve(network.bare, AGENT, {
      name: "PEER",
      udp: [8_000],
      addresses: [network.bare.ipv4],
    });
    await using _world = await serve(network.world, undefined, {
      name: "WORLD",
      tcp: [80],
      addresses: [WORLD.metadata, WORLD.v4],
    });
    const { outcome: how, by } = await attemptOne(network.pod, { ...to(network), seconds: 1 });
    const upstream = await attemptOne(network.pod, { protocol: "tcp", host: WORLD.v4, port: 80 });
    // Upstreams are anywhere, so TCP is let through.
    if (!upstream.by?.startsWith("WORLD")) return { hasWorked: true, said: "upstreams are kept out too" };
    return outcome(by ?? how);
  };
  return {
    name: `${name} (NetworkPolicy by a fixture)`,
    without: (field) => betweenPods(field, { hasPolicy: false, isCaptured: false }, send),
    with: (field) => betweenPods(field, { hasPolicy: true, isCaptured: false }, send),
    stopped: /^silence$/,
  };
};

export const INBOUND: LiveThreat<NetworkField> = {
  id: "T31",
  title: "a colluding pod comes in and is answered",
  duels: [
    coming("by IPv4", ({ pod }) => pod.ipv4),
    coming("by IPv6", ({ pod }) => pod.ipv6),
    leaving("where capture is not there: UDP to a colluding pod", ({ bare }) => ({
      protocol: "udp",
      host: bare.ipv4,
      port: 8_000,
    })),
    leaving("where capture is not there: the cloud's metadata", () => ({
      protocol: "tcp",
      host: WORLD.metadata,
      port: 80,
    })),
  ],
};
