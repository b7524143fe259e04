/** What a data plane worker is told and what it tells: the whole of its configuration comes this way. */
import { PROTOCOLS, type ProtocolName } from "#core/api/kinds.gen.ts";
import type { ConnectionRef } from "#core/policy/facts.ts";
import {
  type Shape,
  bytes,
  flag,
  list,
  oneOf,
  optional,
  record,
  text,
  union,
  whole,
} from "#core/port/shapes.ts";
import type { LogLevel } from "#runtime/log.ts";
import { WORKERS_MAX } from "../gateway/cancel-keys.ts";

export interface WorkerSettings {
  /** From 1. */
  readonly worker: number;
  /** The broker's socket. */
  readonly portPath: string;
  readonly sessionsMax: number;
  /** How long an action waits for its record before it is refused. */
  readonly trailWaitMs: number;
  readonly logLevel: LogLevel;
}

export interface ListenerSettings {
  readonly name: string;
  readonly connection: ConnectionRef;
  readonly protocol: ProtocolName;
  readonly identity: "ambient" | "perClient";
  /** On a TCP address: the one local user whose processes may connect. */
  readonly onlyUid?: number;
  readonly tls?: { readonly certificatePem: string; readonly keyPem: Uint8Array };
}

export type ToWorker =
  | { readonly kind: "start"; readonly settings: WorkerSettings }
  | { readonly kind: "listeners"; readonly listeners: readonly ListenerSettings[] }
  /** Comes with the client's socket; to be answered with `taken`. */
  | { readonly kind: "client"; readonly id: number; readonly listener: string }
  | { readonly kind: "cancel"; readonly key: Uint8Array }
  | { readonly kind: "metrics"; readonly id: number }
  /** Ends the process when its sessions have ended, after that long at the latest. */
  | { readonly kind: "drain"; readonly graceMs: number };

export type FromWorker =
  | { readonly kind: "started" }
  /** The client's socket has arrived; said before a byte of it is read. */
  | { readonly kind: "taken"; readonly id: number }
  | {
      readonly kind: "state";
      readonly isConnected: boolean;
      readonly planVersion: string;
      readonly sessions: number;
      /** What is missing before clients can be served. */
      readonly missing: readonly string[];
    }
  /** For another worker. */
  | { readonly kind: "cancel"; readonly key: Uint8Array }
  | { readonly kind: "metrics"; readonly id: number; readonly text: string };

export const LISTENERS_MAX = 64;
const PEM_CHARS_MAX = 64 * 1024;
const NAME_CHARS_MAX = 253;
const PATH_CHARS_MAX = 1_024;
const KEY_BYTES_MAX = 256;
export const METRICS_CHARS_MAX = 2 * 1024 * 1024;

const name = text(NAME_CHARS_MAX);
const cancel = record<{ readonly key: Uint8Array }>({ key: bytes(0, KEY_BYTES_MAX) });

const listener: Shape<ListenerSettings> = record<ListenerSettings>({
  name,
  connection: record<ConnectionRef>({ namespace: name, name }),
  protocol: oneOf(PROTOCOLS),
  identity: oneOf(["ambient", "perClient"]),
  onlyUid: optional(whole(0, 2 ** 32 - 2)),
  tls: optional(
    record<NonNullable<ListenerSettings["tls"]>>({
      certificatePem: text(PEM_CHARS_MAX),
      keyPem: bytes(1, PEM_CHARS_MAX),
    }),
  ),
});

export const toWorker: Shape<ToWorker> = union<ToWorker>({
  start: record<{ readonly settings: WorkerSettings }>({
    settings: record<WorkerSettings>({
      worker: whole(1, WORKERS_MAX - 1),
      portPath: text(PATH_CHARS_MAX),
      sessionsMax: whole(1, 1_000_000),
      trailWaitMs: whole(0, 600_000),
      logLevel: oneOf(["debug", "info", "warn", "error"]),
    }),
  }),
  listeners: record<{ readonly listeners: readonly ListenerSettings[] }>({
    listeners: list(listener, LISTENERS_MAX),
  }),
  client: record<{ readonly id: number; readonly listener: string }>({ id: whole(0), listener: name }),
  cancel,
  metrics: record<{ readonly id: number }>({ id: whole(0) }),
  drain: record<{ readonly graceMs: number }>({ graceMs: whole(0, 86_400_000) }),
});

export const fromWorker: Shape<FromWorker> = union<FromWorker>({
  started: record<object>({}),
  taken: record<{ readonly id: number }>({ id: whole(0) }),
  state: record<Omit<Extract<FromWorker, { kind: "state" }>, "kind">>({
    isConnected: flag,
    planVersion: name,
    sessions: whole(0),
    missing: list(text(512), 16),
  }),
  cancel,
  metrics: record<{ readonly id: number; readonly text: string }>({
    id: whole(0),
    text: text(METRICS_CHARS_MAX),
  }),
});
