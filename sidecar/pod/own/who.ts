/** Who this pod is to the broker, asked of the broker itself: what it would be told is what every session is judged by. */
import { randomBytes } from "node:crypto";
import type { Caller } from "#core/policy/facts.ts";
import type { BrokerPort } from "#core/port/port.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import type { Uplink } from "../../uplink/uplink.ts";

const SESSION_ID_BYTES = 16;
/** An agent may look as often as it likes; the broker hears of it this often. */
const KEPT_MS = 30_000;

export function openWhoAmI(
  port: Pick<BrokerPort, "identify"> & Pick<Uplink, "state" | "refused">,
  nowMs: () => number,
): (signal: AbortSignal) => Promise<Caller | Refusal> {
  let kept: { readonly answer: Promise<Caller | Refusal>; readonly untilMs: number } | undefined;
  const ask = async (signal: AbortSignal): Promise<Caller | Refusal> => {
    const session = randomBytes(SESSION_ID_BYTES).toString("base64url");
    const grant = await port.identify({ session, listener: "pod", evidence: { kind: "ambient" } }, signal);
    if (isRefusal(grant)) return grant;
    grant.digestKey.fill(0);
    return grant.caller;
  };
  return async (signal) => {
    // What is asked meanwhile would wait for the next connection, and the page is wanted now.
    if (port.state === "away") return port.refused ?? refusal("BROKER_UNREACHABLE");
    if (kept === undefined || nowMs() >= kept.untilMs) {
      const answer = ask(signal);
      kept = { answer, untilMs: nowMs() + KEPT_MS };
      // What could not be told now may be told in a moment.
      const forget = (): void => (kept = undefined);
      answer.then((told) => isRefusal(told) && forget(), forget);
    }
    return kept.answer;
  };
}
