/** What follows from an event's kind: who may write it, where it may stand, and whether its action waits for it. */
import type { AuditEvent, EventBody, RequestEvent } from "./event.ts";

export type EventKind = AuditEvent["kind"];

interface KindRow {
  readonly author: "dataPlane" | "broker";
  /** May be a session's first event. */
  readonly opens: boolean;
  /** Nothing may follow. */
  readonly ends: boolean;
}

const dataPlane = { author: "dataPlane", opens: false, ends: false } as const;
const broker = { author: "broker", opens: false, ends: false } as const;

export const EVENT_KINDS = {
  "session.open": { ...dataPlane, opens: true },
  "session.refused": { ...dataPlane, opens: true, ends: true },
  request: dataPlane,
  result: dataPlane,
  credential: dataPlane,
  // Noticed while greeting, before it is decided whether there will be a session.
  "secret.presented": { ...dataPlane, opens: true },
  "session.close": { ...dataPlane, ends: true },
  "session.lost": { ...broker, ends: true },
  "session.fork": { ...broker, opens: true, ends: true },
  "broker.start": { ...broker, opens: true },
  "broker.stop": { ...broker, ends: true },
  "trail.damaged": broker,
} as const satisfies Record<EventKind, KindRow>;

export function kindRow(kind: string): KindRow | undefined {
  return Object.hasOwn(EVENT_KINDS, kind) ? EVENT_KINDS[kind as EventKind] : undefined;
}

/**
 * Whether what the event tells of may happen only after the event is durable. Reads run ahead within a window; writes,
 * refusals, credentials and whatever could not be analysed do not.
 */
export function mustWait(event: EventBody): boolean {
  switch (event.kind) {
    case "request":
      return requestMustWait(event);
    case "credential":
      return event.action !== "released";
    case "session.open":
    case "session.refused":
    case "secret.presented":
      return true;
    case "result":
    case "session.close":
    case "session.lost":
    case "session.fork":
    case "broker.start":
    case "broker.stop":
    case "trail.damaged":
      return false;
  }
}

/** What changes nothing outside its own session. */
const HARMLESS_CLASSES: ReadonlySet<string> = new Set(["read", "transaction", "session"]);

function requestMustWait(event: Pick<RequestEvent, "outcome" | "classes" | "doubts" | "accesses">): boolean {
  if (event.outcome !== "allow" || event.doubts.length > 0 || event.classes.length === 0) return true;
  // A read with a writing part (`with x as (delete …) select`) shows in its accesses, not in its class.
  const verbs = event.accesses.map((access) => access.split(" ", 1)[0] ?? "");
  return [...event.classes, ...verbs].some((word) => !HARMLESS_CLASSES.has(word));
}
