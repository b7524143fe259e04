/** What a broker process is told and what it tells: the whole of its configuration comes this way. */
import { PROTOCOLS, type ProtocolName } from "#core/api/kinds.gen.ts";
import type { ConnectionRef } from "#core/policy/facts.ts";
import { type Shape, list, oneOf, optional, record, text, union, whole } from "#core/port/shapes.ts";
import type { LogLevel } from "#runtime/log.ts";

export interface BrokerSettings {
  /** Folder of kinds. */
  readonly config: string;
  /** Holds `trail`, `keys` and `broker`, each of the broker's user alone. */
  readonly state: string;
  /** Sockets, each in a folder of its own. */
  readonly portPath: string;
  readonly adminPath: string;
  /** The data plane's group, where it runs as another user. */
  readonly groupId?: number;
  readonly logLevel: LogLevel;
}

/** A listener of the Gateway that is in force; `protocol` is that of its Connection. */
export interface ListenerPlan {
  readonly name: string;
  readonly connection: ConnectionRef;
  readonly protocol: ProtocolName;
  readonly where:
    | { readonly kind: "socket"; readonly path: string }
    | { readonly kind: "address"; readonly host: string; readonly port: number };
  readonly identity: "ambient" | "perClient";
  readonly uid?: number;
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** What a client has to name beside the address, if its protocol has such a thing. */
  readonly database?: string;
}

export type ToBrokerProcess =
  | { readonly kind: "start"; readonly settings: BrokerSettings }
  | { readonly kind: "metrics"; readonly id: number }
  /** Takes back what is lent and ends the process. */
  | { readonly kind: "stop" };

export type FromBrokerProcess =
  /** The port is served. */
  | { readonly kind: "started"; readonly broker: string }
  /** It cannot run as things are, and ends: what a person has to do. */
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "listeners"; readonly listeners: readonly ListenerPlan[] }
  /** What is wrong and may be mended while it runs; empty when all is well. */
  | { readonly kind: "state"; readonly missing: readonly string[] }
  | { readonly kind: "metrics"; readonly id: number; readonly text: string };

const name = text(253);
const path = text(1_024);

const listenerPlan: Shape<ListenerPlan> = record<ListenerPlan>({
  name,
  connection: record<ConnectionRef>({ namespace: name, name }),
  protocol: oneOf(PROTOCOLS),
  where: union<ListenerPlan["where"]>({
    socket: record<{ readonly path: string }>({ path }),
    address: record<{ readonly host: string; readonly port: number }>({ host: name, port: whole(0, 65_535) }),
  }),
  identity: oneOf(["ambient", "perClient"]),
  uid: optional(whole(0, 2 ** 32 - 2)),
  tls: optional(record<NonNullable<ListenerPlan["tls"]>>({ certificate: path, key: path })),
  database: optional(name),
});

export const toBrokerProcess: Shape<ToBrokerProcess> = union<ToBrokerProcess>({
  start: record<{ readonly settings: BrokerSettings }>({
    settings: record<BrokerSettings>({
      config: path,
      state: path,
      portPath: path,
      adminPath: path,
      groupId: optional(whole(0, 2 ** 32 - 2)),
      logLevel: oneOf(["debug", "info", "warn", "error"]),
    }),
  }),
  metrics: record<{ readonly id: number }>({ id: whole(0) }),
  stop: record<object>({}),
});

export const fromBrokerProcess: Shape<FromBrokerProcess> = union<FromBrokerProcess>({
  started: record<{ readonly broker: string }>({ broker: name }),
  failed: record<{ readonly why: string }>({ why: text(4_096) }),
  listeners: record<{ readonly listeners: readonly ListenerPlan[] }>({ listeners: list(listenerPlan, 64) }),
  state: record<{ readonly missing: readonly string[] }>({ missing: list(text(1_024), 64) }),
  metrics: record<{ readonly id: number; readonly text: string }>({
    id: whole(0),
    text: text(2 * 1024 * 1024),
  }),
});
