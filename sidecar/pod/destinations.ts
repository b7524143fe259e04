/**
 * Which Connection a captured connection is for. Pure: a plan, where it was going, and the name that this address stands for.
 * The name that the agent asked for decides; an address decides only where a Connection is reached by it.
 */
import { isIP } from "node:net";
import type { ConnectionView } from "#core/port/port.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import { ipv4Bytes, ipv6Bytes } from "#runtime/address.ts";
import { canonical } from "./names/spelling.ts";

/** Where the gateway answers the agent itself. */
export const OWN_NAME = "sallyport.internal";
const OWN_PORT = 80;

/** What the connections of a plan are reached as, by a pod of one namespace. */
export interface Routes {
  /** Names that are looked up, canonical. */
  readonly names: ReadonlySet<string>;
  readonly connections: readonly ConnectionView[];
  /** Host (a canonical name, or an address in its one form) and port → who is reached there. */
  readonly at: ReadonlyMap<string, ReadonlyMap<number, readonly ConnectionView[]>>;
}

export function routesOf(connections: readonly ConnectionView[], namespace: string): Routes {
  const at = new Map<string, Map<number, ConnectionView[]>>();
  const names = new Set([OWN_NAME]);
  for (const connection of connections) {
    for (const { host, port } of dialledAs(connection)) {
      const normal = isIP(host) === 0 ? canonical(host, namespace) : normalAddress(host);
      if (normal === OWN_NAME) continue;
      if (isIP(host) === 0) names.add(normal);
      const ports = at.get(normal) ?? new Map<number, ConnectionView[]>();
      const there = ports.get(port) ?? [];
      at.set(normal, ports.set(port, there.includes(connection) ? there : [...there, connection]));
    }
  }
  return { names, connections, at };
}

export interface Dialled {
  readonly address: string;
  readonly port: number;
  /** What the address stands for; undefined: itself. */
  readonly name: string | undefined;
  /** Only we give such addresses out, so that one without a name is nobody's. */
  readonly isVirtual: boolean;
}

export type Destination =
  | { readonly kind: "connection"; readonly connection: ConnectionView; readonly host: string }
  | { readonly kind: "own" }
  | { readonly kind: "none"; readonly why: Refusal };

export function destinationOf(dialled: Dialled, { at }: Routes): Destination {
  const { address, port, name, isVirtual } = dialled;
  const host = name ?? address;
  if (host === OWN_NAME) {
    if (port === OWN_PORT) return { kind: "own" };
    return none("DESTINATION_UNKNOWN", `${OWN_NAME} is reached at port ${OWN_PORT}, not at ${port}`);
  }
  const ports = isVirtual && name === undefined ? undefined : at.get(name ?? normalAddress(address));
  const [connection, ...others] = ports?.get(port) ?? [];
  if (connection === undefined) {
    const where = sayPlace(host, port);
    const else_ = ports === undefined ? "" : `; ${host} is reached at port ${[...ports.keys()].join(", ")}`;
    return none("DESTINATION_UNKNOWN", `no connection that this pod may use is reached at ${where}${else_}`);
  }
  if (others.length === 0) return { kind: "connection", connection, host };
  const rivals = [connection, ...others].map(
    ({ metadata }) => `${metadata.namespace ?? ""}/${metadata.name}`,
  );
  const several = rivals.toSorted().slice(0, RIVALS_MAX).join(", ");
  return none(
    "DESTINATION_AMBIGUOUS",
    `several connections are reached at ${sayPlace(host, port)}: ${several}`,
  );
}

const RIVALS_MAX = 4;

function none(code: "DESTINATION_UNKNOWN" | "DESTINATION_AMBIGUOUS", text: string): Destination {
  return { kind: "none", why: refusal(code, text) };
}

/** What agents dial to reach it. */
export function dialledAs({
  spec,
}: ConnectionView): readonly { readonly host: string; readonly port: number }[] {
  const { address, reachedAs = [] } = spec;
  return [address, ...reachedAs.map(({ host, port = address.port }) => ({ host, port }))];
}

export function sayPlace(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

const MAPPED = "00000000000000000000ffff";

/** One form for each address, however it is spelt; IPv4 in the clothes of IPv6 is IPv4. */
function normalAddress(address: string): string {
  if (isIP(address) !== 6) return Buffer.from(ipv4Bytes(address)).toString("hex");
  const hex = Buffer.from(ipv6Bytes(address)).toString("hex");
  return hex.startsWith(MAPPED) ? hex.slice(MAPPED.length) : hex;
}
