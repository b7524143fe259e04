/**
 * What the broker tells its operators: a short stable name and fields that are safe to log. Causes that agents must not
 * see go here; secrets and tokens go nowhere.
 */
export type NoteName =
  | "ambient.failed"
  | "connection.unusable"
  | "janitor.failed"
  | "janitor.removed"
  | "journal.torn"
  | "lease.ended"
  | "lease.failed"
  | "provider.keys"
  | "provider.unreachable"
  | "provider.unusable"
  | "role.minted"
  | "role.leftover"
  | "role.taken-back"
  | "role.take-back-failed"
  | "trail.keys-lost"
  | "trail.damaged"
  | "trail.failing"
  | "trail.ready"
  | "trail.torn-tail"
  | "session.fork"
  | "session.lost"
  | "port.refused"
  | "port.failed"
  | "port.slow-reader"
  | "worker.lost";

export type NoteFields = Readonly<Record<string, string | number>>;
export type Note = (name: NoteName, fields: NoteFields) => void;

/** The message of whatever was thrown, bounded: causes come from networks and servers. */
export function causeOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
  return `${text}${code}`.slice(0, 500);
}
