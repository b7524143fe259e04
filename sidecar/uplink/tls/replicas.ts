/** Where the broker's replicas are, asked of the gateway's own name servers: a pod's containers can write the pod's. */
import { Resolver } from "node:dns/promises";
import { isIP } from "node:net";

export interface Replicas {
  /** In an order that is another one for each gateway and each time; those that were last known when nobody answers. */
  addresses(signal: AbortSignal): Promise<readonly string[]>;
}

export interface ReplicasOptions {
  /** A whole name, since nothing is appended to it, or an address. */
  readonly host: string;
  /** As `dns.setServers` takes them. */
  readonly resolvers: readonly string[];
  readonly chance: () => number;
}

const ANSWER_MS_MAX = 2_000;
const TRIES = 2;
const ADDRESSES_MAX = 32;

export function openReplicas({ host, resolvers, chance }: ReplicasOptions): Replicas {
  if (isIP(host) !== 0) return { addresses: async () => [host] };
  const resolver = new Resolver({ timeout: ANSWER_MS_MAX, tries: TRIES });
  resolver.setServers(resolvers);
  let known: readonly string[] = [];
  return {
    async addresses(signal) {
      signal.throwIfAborted();
      const cancel = (): void => resolver.cancel();
      signal.addEventListener("abort", cancel, { once: true });
      const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
      signal.removeEventListener("abort", cancel);
      signal.throwIfAborted();
      const found = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
      if (found.length > 0) known = found.slice(0, ADDRESSES_MAX);
      if (known.length > 0) return shuffled(known, chance);
      const [failure] = answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason] : []));
      throw new Error(`the name servers know no address of ${host}`, { cause: failure });
    },
  };
}

function shuffled(items: readonly string[], chance: () => number): readonly string[] {
  return items
    .map((item) => ({ item, at: chance() }))
    .sort((left, right) => left.at - right.at)
    .map(({ item }) => item);
}
