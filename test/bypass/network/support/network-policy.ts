/**
 * A FIXTURE of tests, and no network plugin: it makes rules for the node's end of a pod's line out of a NetworkPolicy, as far as ours goes,
 * so that a policy can be seen to do what it says. What a cluster's own plugin makes of it is for that cluster to show.
 */
import { execFileSync } from "node:child_process";
import type { NetworkPolicy } from "#operator/reconcile/owned.ts";
import type { Place } from "#test/capture/support/network.ts";

type Spec = NonNullable<NetworkPolicy["spec"]>;
type Egress = NonNullable<Spec["egress"]>[number];

const ANSWERS = "ct state established,related accept";

/** In force on `device`, which is the node's end of the line of every pod that the policy selects. */
export function enforcedBy(node: Place, device: string, { spec }: Pick<NetworkPolicy, "spec">): Disposable {
  const table = `fixture_network_policy_${device}`;
  nft(node, `table inet ${table} {\n${chains(spec ?? {}, device)}\n}`);
  return { [Symbol.dispose]: () => nft(node, `delete table inet ${table}`) };
}

function chains({ policyTypes = [], egress = [], ingress = [] }: Partial<Spec>, device: string): string {
  if (ingress.length > 0) throw new RangeError("the fixture knows no rules for what comes in");
  // What the node itself sends, as probes, no plugin may refuse: it is not forwarded.
  const entering = chain("entering", "forward", `oifname "${device}"`, []);
  const leaving = chain("leaving", "prerouting", `iifname "${device}"`, egress.flatMap(rulesFor));
  return [
    ...(policyTypes.includes("Ingress") ? [entering] : []),
    ...(policyTypes.includes("Egress") ? [leaving] : []),
  ].join("\n");
}

const chain = (name: string, hook: string, which: string, rules: readonly string[]): string =>
  [
    `chain ${name} { type filter hook ${hook} priority -150; policy accept;`,
    `${which} ${ANSWERS}`,
    // Finding neighbours is no traffic of a pod's.
    `${which} meta l4proto icmpv6 accept`,
    ...rules.map((rule) => `${which} ${rule} accept`),
    `${which} counter drop`,
    "}",
  ].join("\n");

function rulesFor({ ports = [], to = [] }: Egress): string[] {
  const places = to.length === 0 ? [""] : to.map(({ ipBlock }) => destinations(ipBlock));
  return places.flatMap((place) =>
    ports.map(({ protocol = "TCP", port }) => {
      const name = protocol.toLowerCase();
      const sent = port === undefined ? `meta l4proto ${name}` : `${name} dport ${port}`;
      return `${place} ${sent}`.trim();
    }),
  );
}

function destinations(
  block: { readonly cidr: string; readonly except?: readonly string[] } | undefined,
): string {
  if (block === undefined) throw new RangeError("the fixture knows destinations by address alone");
  const { cidr, except = [] } = block;
  const family = cidr.includes(":") ? "ip6" : "ip";
  const but = except.length === 0 ? "" : ` ${family} daddr != { ${except.join(", ")} }`;
  return `${family} daddr ${cidr}${but}`;
}

function nft({ pid }: Place, text: string): void {
  execFileSync("nsenter", ["-t", String(pid), "-n", "--", "nft", "-f", "-"], { input: text });
}
