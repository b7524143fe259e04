/** The broker's notes as lines of a log. */
import type { Log } from "#runtime/log.ts";
import type { Note, NoteName } from "../note.ts";

export function noteIn(log: Log): Note {
  return (name, fields) => (LOUD.has(name) ? log.warn(name, fields) : log.info(name, fields));
}

/** What a person has to hear of, at once; the rest is for those who look. */
const LOUD: ReadonlySet<NoteName> = new Set([
  "ambient.failed",
  "authority.failed",
  "connection.unusable",
  "grant.refused",
  "janitor.failed",
  "journal.torn",
  "lease.failed",
  "pod.not-enrolled",
  "proof.refused",
  "provider.unreachable",
  "provider.unusable",
  "role.leftover",
  "role.take-back-failed",
  "trail.keys-lost",
  "trail.damaged",
  "trail.failing",
  "trail.torn-tail",
  "session.fork",
  "session.lost",
  "plan.too-large",
  "port.refused",
  "port.failed",
  "port.slow-reader",
  "worker.lost",
]);
