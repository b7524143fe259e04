/** Which challenges a Connection lets the broker answer. Its word counts here: a data plane may have been taken over. */
import type { Connection } from "#core/api/kinds.gen.ts";
import type { Challenge } from "#core/port/port.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";

/** Undefined when it may be answered. */
export function unanswerable({ kind }: Challenge, spec: Connection["spec"]): Refusal | undefined {
  if (spec.protocol === "kubernetes" || kind === "bearer") return bearerRefused(kind, spec);
  if (kind === "scram-sha-256") return undefined;
  if (spec.postgres?.weakAuthentication?.includes(kind) !== true)
    return refusal(
      "UPSTREAM_UNTRUSTED",
      `the connection does not allow ${kind} authentication (spec.postgres.weakAuthentication)`,
    );
  // The data plane sees the connection and we do not; here it is known at least that there would be no TLS.
  if (kind === "cleartext" && spec.tls?.mode === "disable")
    return refusal("UPSTREAM_UNTRUSTED", "a password goes out in clear text only inside TLS");
  return undefined;
}

/** A token goes to APIs that take tokens, over TLS, and to nobody else. */
function bearerRefused(kind: Challenge["kind"], { protocol, tls }: Connection["spec"]): Refusal | undefined {
  if (protocol === "kubernetes" && kind === "bearer" && (tls?.mode ?? "verify-full") === "verify-full")
    return undefined;
  return refusal("UPSTREAM_UNTRUSTED", `the connection is none in which ${kind} is answered`);
}
