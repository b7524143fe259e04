/** What follows from an event's kind: who may write it and where in a session it may stand. */
import type { AuditEvent } from "./event.ts";

export type EventKind = AuditEvent["kind"];

interface KindRow {
  readonly author: "dataPlane" | "broker";
  /** May be a session's first event. */
  readonly opens: boolean;
  /** Nothing may follow. */
  readonly ends: boolean;
  /** May be the first that a log holds of a session which began in another one. */
  readonly arrives: boolean;
}

const dataPlane = { author: "dataPlane", opens: false, ends: false, arrives: false } as const;
const broker = { author: "broker", opens: false, ends: false, arrives: false } as const;

export const EVENT_KINDS = {
  "session.open": { ...dataPlane, opens: true },
  "session.refused": { ...dataPlane, opens: true, ends: true },
  "destination.refused": { ...dataPlane, opens: true, ends: true },
  requests: dataPlane,
  credential: dataPlane,
  // Noticed while greeting, before it is decided whether there will be a session.
  "secret.presented": { ...dataPlane, opens: true },
  "session.close": { ...dataPlane, ends: true },
  "session.moved": { ...dataPlane, arrives: true },
  "session.lost": { ...broker, ends: true },
  "session.fork": { ...broker, opens: true, ends: true },
  "grant.issued": broker,
  "grant.refused": broker,
  "sessions.killed": broker,
  "revocation.enforced": broker,
  "revocation.ended": broker,
  "sessions.revoked": broker,
  "broker.start": { ...broker, opens: true },
  "broker.stop": { ...broker, ends: true },
  "trail.damaged": broker,
} as const satisfies Record<EventKind, KindRow>;

export function kindRow(kind: string): KindRow | undefined {
  return Object.hasOwn(EVENT_KINDS, kind) ? EVENT_KINDS[kind as EventKind] : undefined;
}
