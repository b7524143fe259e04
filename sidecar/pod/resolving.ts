/**
 * How the gateway finds upstreams: through the name servers that the operator gave it, and through nothing that a container of
 * the pod can write. `/etc/hosts` and `/etc/resolv.conf` are the pod's, and any of its containers may be root.
 */
import { Resolver } from "node:dns";
import { type LookupFunction, isIPv6 } from "node:net";

const TIMEOUT_MS = 2_000;
const TRIES = 2;
const SERVICE = /\.svc\.?$/;
const USUAL_CLUSTER = "cluster.local";

interface Found {
  readonly address: string;
  readonly family: 4 | 6;
}

/** `servers`: addresses of port 53, or with a port of their own. */
export function lookupThrough(servers: readonly string[]): LookupFunction {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  resolver.setServers(servers.map((server) => (isIPv6(server) ? `[${server}]` : server)));
  return (host, { family, all }, callback) => {
    const answer = ([first, ...others]: readonly Found[]): void => {
      if (first === undefined) callback(noAddress(host), "", 0);
      else if (all === true) callback(null, [first, ...others]);
      else callback(null, first.address, first.family);
    };
    const isWanted = (found: Found): boolean => (family !== 4 && family !== 6) || found.family === family;
    const fail = (error: NodeJS.ErrnoException): void => callback(error, "", 0);
    resolveAll(resolver, absolute(host)).then((found) => answer(found.filter(isWanted)), fail);
  };
}

/** Name servers know services by their whole names alone; nothing outside of clusters ends like this. */
export function absolute(host: string): string {
  return SERVICE.test(host) ? `${host.replace(/\.$/, "")}.${USUAL_CLUSTER}` : host;
}

/** IPv4 first, and what the other question came to only where this one found nothing. */
async function resolveAll(resolver: Resolver, host: string): Promise<readonly Found[]> {
  const [ipv4, ipv6] = await Promise.allSettled([
    ask((done) => resolver.resolve4(host, done)),
    ask((done) => resolver.resolve6(host, done)),
  ]);
  const found: Found[] = [
    ...(ipv4.status === "fulfilled" ? ipv4.value : []).map((address) => ({ address, family: 4 as const })),
    ...(ipv6.status === "fulfilled" ? ipv6.value : []).map((address) => ({ address, family: 6 as const })),
  ];
  if (found.length === 0 && ipv4.status === "rejected") throw ipv4.reason;
  return found;
}

type Answered = (error: NodeJS.ErrnoException | null, addresses: string[]) => void;

function ask(question: (done: Answered) => void): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    question((error, addresses) => (error === null ? resolve(addresses) : reject(error)));
  });
}

function noAddress(host: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${host} has no address`), { code: "ENOTFOUND" });
}
