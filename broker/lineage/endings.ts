/** What becomes of open sessions when somebody above their pod ends, or when their pod becomes somebody else's. */
import { type Refusal, refusal } from "#core/values/refusal.ts";
import type { Desk } from "../exchange/desk.ts";
import { isUntold } from "../exchange/exchange.ts";
import type { KnownSession, Sessions } from "../exchange/sessions.ts";
import type { Worker, Workers } from "../workers.ts";

export interface EndingsDeps {
  readonly sessions: Sessions;
  readonly workers: Pick<Workers, "all">;
  readonly desk: Pick<Desk, "bereave" | "revokeSession">;
}

/** Policy says whether they go on with what they have. */
export function agentEnded(uid: string, { sessions, desk }: EndingsDeps): void {
  for (const session of sessions.below(uid)) desk.bereave(session, refusal("LINEAGE_ENDED"));
}

/**
 * Asks anew about pods whose maker can become another one while they live: no event tells of it. Each is asked about once for all its
 * sessions that began under the same lineage.
 */
export async function recheckAdoptable(deps: EndingsDeps, signal: AbortSignal): Promise<void> {
  for (const worker of deps.workers.all()) await recheck(worker, deps, signal);
}

async function recheck(
  { peer, sessions: ids }: Worker,
  { sessions, desk }: EndingsDeps,
  signal: AbortSignal,
): Promise<void> {
  if (peer?.isAdoptable !== true) return;
  const asked = new Map<string, Refusal | undefined>();
  for (const session of [...ids].flatMap((id) => sessions.get(id) ?? [])) {
    const lineage = JSON.stringify(session.caller.ancestors);
    if (!asked.has(lineage)) asked.set(lineage, await peer.stillTrusted(session.caller, signal));
    const refused = asked.get(lineage);
    if (refused !== undefined) ended(session, refused, desk);
  }
}

function ended(session: KnownSession, why: Refusal, desk: EndingsDeps["desk"]): void {
  if (isUntold(why)) return;
  if (why.code === "LINEAGE_ENDED") desk.bereave(session, why);
  else desk.revokeSession(session.id, why);
}
