/** The broker's refusals in OAuth's words. The stable code stands beside them, for it says more. */
import { type Refusal, type RefusalCode } from "#core/values/refusal.ts";
import { isUntold } from "../../exchange/exchange.ts";
import type { TokenError } from "./request.ts";

/** Whose token it is, or that it is nobody's: RFC 8693 has one word for all of it. */
const OF_THE_SUBJECT: ReadonlySet<RefusalCode> = new Set([
  "IDENTITY_MISSING",
  "IDENTITY_INVALID",
  "IDENTITY_EXPIRED",
  "POD_ENDED",
  "POD_UNTRUSTED",
  "LINEAGE_UNKNOWN",
  "LINEAGE_ENDED",
  "LINEAGE_CHANGED",
  "LINEAGE_LIMIT",
]);
const NOT_NOW: ReadonlySet<RefusalCode> = new Set(["TRAIL_UNAVAILABLE", "LIMIT_GATEWAY"]);

export function errorOf(why: Refusal): TokenError {
  const { code, publicText: description } = why;
  if (isUntold(why) || NOT_NOW.has(code))
    return { status: 503, error: "temporarily_unavailable", description };
  if (code === "POD_KEY_REFUSED") return { status: 401, error: "invalid_client", description };
  // Whatever else is refused is refused for this Connection: by policy, by a limit, because there is none.
  const error = OF_THE_SUBJECT.has(code) ? "invalid_request" : "invalid_target";
  return { status: 400, error, description };
}

/** RFC 6749 allows printable ASCII without quotes and backslashes in a description; rules' reasons are people's words. */
export function descriptionIn(text: string): string {
  return text.replaceAll(/["\\]/g, "'").replaceAll(/[^\x20-\x7e]/g, "?");
}
