/** An event that goes into another log than it was sealed for: its texts have their digests under the key that they have there. */
import type { TextDigester } from "#core/audit/digest.ts";
import type { AuditEvent } from "#core/audit/event.ts";
import { textsOf } from "#core/audit/requests.ts";

/** Only the beginning of a long text is here; what is sealed of it is not compared with its digest. */
export function withDigestsOf(
  digester: TextDigester,
  event: AuditEvent,
  payload: Uint8Array | undefined,
): AuditEvent {
  const texts = event.kind === "requests" ? textsOf({ ...event }, payload ?? new Uint8Array()) : undefined;
  if (event.kind !== "requests" || texts === undefined) return event;
  const requests = event.requests.map((asked, index) => {
    const text = texts[index]?.text;
    return text?.length === asked.textBytes ? { ...asked, textDigest: digester.digest(text) } : asked;
  });
  return { ...event, requests };
}
