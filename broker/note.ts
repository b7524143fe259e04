/**
 * What the broker tells its operators: a short stable name and fields that are safe to log. Causes that agents must not
 * see go here; secrets and tokens go nowhere.
 */
export type NoteName =
  | "ambient.failed"
  | "authority.failed"
  | "connection.unusable"
  | "janitor.failed"
  | "janitor.removed"
  | "grant.refused"
  | "journal.torn"
  | "lease.ended"
  | "lease.failed"
  | "pod.enrolled"
  | "pod.not-enrolled"
  | "proof.refused"
  | "provider.keys"
  | "record.not-closed"
  | "provider.unreachable"
  | "provider.unusable"
  | "role.minted"
  | "role.handed-on"
  | "role.leftover"
  | "role.taken-on"
  | "role.taken-back"
  | "role.take-back-failed"
  | "trail.keys-lost"
  | "trail.damaged"
  | "trail.failing"
  | "trail.ready"
  | "trail.torn-tail"
  | "session.fork"
  | "session.lost"
  | "revocation.enforced"
  | "revocation.ended"
  | "revocation.not-recorded"
  | "sessions.killed"
  | "sessions.revoked"
  | "port.refused"
  | "port.failed"
  | "plan.too-large"
  | "port.slow-reader"
  | "worker.lost";

export type NoteFields = Readonly<Record<string, string | number>>;
export type Note = (name: NoteName, fields: NoteFields) => void;

/** The message of whatever was thrown, bounded: causes come from networks and servers. */
export function causeOf(thrown: unknown): string {
  // What a host with several addresses answers with; its own message is empty.
  const error: unknown = thrown instanceof AggregateError ? thrown.errors[0] : thrown;
  if (!(error instanceof Error)) return String(error).slice(0, CAUSE_CHARS_MAX);
  const code = "code" in error && typeof error.code === "string" ? ` (${error.code})` : "";
  return `${error.message}${code}`.slice(0, CAUSE_CHARS_MAX);
}

const CAUSE_CHARS_MAX = 500;
