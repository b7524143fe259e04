/**
 * The one place where it is decided that somebody may have a credential now: for a session's lease, for each renewal of it, and
 * for the token that `POST /oauth2/token` answers with. What one of them is refused all are refused, by the same code.
 */
import type { Caller, ConnectionRef } from "#core/policy/facts.ts";
import { type Refusal, type RefusalCode, isRefusal, refusal } from "#core/values/refusal.ts";
import { deadline } from "#runtime/deadline.ts";
import { type Prepared, keyOf } from "../config.ts";
import type { LeaseTable, Place } from "../leases/table.ts";
import type { Upstream } from "../sources/source.ts";
import { unlessAborted } from "../waiting.ts";
import { type Permission, permit } from "./permission.ts";

/** Who asks, as it was found out a moment ago. */
export interface Standing {
  readonly caller: Caller;
  /** Whose limits, leases and roles they are. */
  readonly subject: string;
  /** Nothing that is granted lasts longer. */
  readonly untilMs: number;
}

export interface Asker {
  /** Asked at every exchange. Nothing of an earlier answer may be in it. */
  standing(signal: AbortSignal): Promise<Standing | Refusal>;
}

export interface Wanted {
  readonly connection: ConnectionRef;
  /** `take`: a new session's. `has`: it took one before. `look`: there has to be one, and it stays free. */
  readonly place: "take" | "has" | "look";
  /** What the asker says of how many sessions there may be; the smaller number counts. */
  readonly sessionsMax?: number | undefined;
}

export interface Exchanged {
  readonly standing: Standing;
  readonly upstream: Upstream;
  readonly permission: Permission;
  /** Of a new session; whoever gets it leaves it. */
  readonly place: Place | undefined;
}

export interface ExchangeDeps {
  /** Undefined until kinds have been read. */
  readonly prepared: () => Prepared | undefined;
  readonly leases: Pick<LeaseTable, "takePlace" | "placesTaken">;
  readonly now: () => number;
  readonly stopping: AbortSignal;
}

/** A cluster that has not answered by then cannot be asked. */
const STANDING_MS_MAX = 8_000;

export async function exchange(
  asker: Asker,
  wanted: Wanted,
  deps: ExchangeDeps,
  signal: AbortSignal,
): Promise<Exchanged | Refusal> {
  if (deps.stopping.aborted) return refusal("SHUTTING_DOWN");
  const standing = await standingOf(asker, deps.stopping, signal);
  if (isRefusal(standing)) return standing;
  // From here on in one breath: policy, clock and places are as they are now, after the wait.
  if (deps.now() >= standing.untilMs) return refusal("IDENTITY_EXPIRED");
  const config = deps.prepared();
  const upstream = config?.upstreams.get(keyOf(wanted.connection));
  if (config === undefined || upstream === undefined) return refusal("DENY_UNKNOWN_CONNECTION");
  const permission = permit(config.plan, standing.caller, wanted.connection, deps.now());
  if (isRefusal(permission)) return permission;
  const place = placeFor(wanted, standing, permission, deps.leases);
  if (place !== undefined && isRefusal(place)) return place;
  return { standing, upstream, permission, place };
}

/** It cannot be told now. What was granted before stays until its time is over; nothing new is granted. */
const UNTOLD: ReadonlySet<RefusalCode> = new Set(["POD_UNCHECKED", "IDENTITY_UNCHECKED", "SHUTTING_DOWN"]);

export function isUntold({ code }: Refusal): boolean {
  return UNTOLD.has(code);
}

async function standingOf(
  asker: Asker,
  stopping: AbortSignal,
  signal: AbortSignal,
): Promise<Standing | Refusal> {
  using limit = deadline([signal, stopping], STANDING_MS_MAX);
  try {
    return await unlessAborted(asker.standing(limit.signal), limit.signal);
  } catch (error) {
    if (stopping.aborted) return refusal("SHUTTING_DOWN");
    if (limit.signal.aborted && !signal.aborted) return refusal("POD_UNCHECKED");
    throw error;
  }
}

/** Whoever has a place keeps it while there are no more taken than there may be. */
function placeFor(
  { connection, place, sessionsMax }: Wanted,
  { subject }: Standing,
  { concurrentSessionsMax }: Permission,
  leases: ExchangeDeps["leases"],
): Place | Refusal | undefined {
  const placesMax = Math.min(concurrentSessionsMax ?? Infinity, sessionsMax ?? Infinity);
  const tooMany = (): Refusal =>
    refusal(
      "LIMIT_CONCURRENT_SESSIONS",
      `policy allows ${placesMax} sessions at once; end one and try again`,
    );
  if (place === "take") return leases.takePlace(subject, connection, placesMax) ?? tooMany();
  const others = leases.placesTaken(subject, connection) - (place === "has" ? 1 : 0);
  return others >= placesMax ? tooMany() : undefined;
}
