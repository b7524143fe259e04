/**
 * Whether the logs of several brokers are whole together: each by itself, and each session that went from one to another
 * continues what the first one holds.
 */
import { arrivalOf } from "#core/audit/arrival.ts";
import type { SessionId } from "#core/port/port.ts";
import { readTrail } from "./read.ts";
import {
  type Arrived,
  type Finding,
  type Verification,
  type VerifyOptions,
  placeOf,
  verifyTrail,
} from "./verify.ts";

export interface SetVerification {
  /** In the order in which they were given. */
  readonly trails: readonly Verification[];
  /** Between them. */
  readonly findings: readonly Finding[];
  readonly notices: readonly Finding[];
  /** Sessions without an end in one log that went on in another one. */
  readonly moved: number;
}

export async function verifyTrails(options: readonly VerifyOptions[]): Promise<SetVerification> {
  const trails = await verified(options);
  const arrivals = trails.flatMap((trail) => trail.arrivals);
  const answers = arrivals.map((arrived) => [arrived, continues(arrived, trails)] as const);
  const of = (kind: "finding" | "notice"): readonly Finding[] =>
    answers.flatMap(([arrived, answer]) =>
      answer?.kind === kind
        ? [{ code: "moved", where: placeOf(arrived.session, arrived.seq), text: answer.text } as const]
        : [],
    );
  return { trails, findings: of("finding"), notices: of("notice"), moved: movedOn(arrivals, trails) };
}

/** Each is read twice where one speaks of another, and once where there is only one that speaks of none. */
async function verified(options: readonly VerifyOptions[]): Promise<readonly Verification[]> {
  const [only, ...others] = options;
  if (only !== undefined && others.length === 0) {
    const alone = await verifyTrail(only);
    if (!alone.arrivals.some(({ log }) => alone.brokers.has(log))) return [alone];
  }
  const wanted = new Map<SessionId, Set<number>>();
  for (const option of options) await collectWanted(option, wanted);
  const trails: Verification[] = [];
  for (const option of options) trails.push(await verifyTrail({ ...option, wanted }));
  return trails;
}

async function collectWanted(option: VerifyOptions, wanted: Map<SessionId, Set<number>>): Promise<void> {
  for await (const entry of readTrail(option)) {
    const arrival = entry.kind === "leaf" ? arrivalOf(entry) : undefined;
    if (entry.kind !== "leaf" || arrival === undefined) continue;
    wanted.set(entry.session, (wanted.get(entry.session) ?? new Set()).add(arrival.lastSeq));
  }
}

interface Answer {
  readonly kind: "finding" | "notice";
  readonly text: string;
}

/** Undefined when the log that it names holds what it says. */
function continues(
  { session, log, lastSeq, chainHead }: Arrived,
  trails: readonly Verification[],
): Answer | undefined {
  const there = trails.find(({ brokers }) => brokers.has(log));
  if (there === undefined) return { kind: "notice", text: `the log of broker ${log} is not among these` };
  const hashes = there.hashes.get(placeOf(session, lastSeq));
  if (hashes === undefined)
    return { kind: "finding", text: `the log of broker ${log} does not hold event ${lastSeq}` };
  if (hashes.has(chainHead)) return undefined;
  return { kind: "finding", text: `the log of broker ${log} holds another event ${lastSeq}` };
}

function movedOn(arrivals: readonly Arrived[], trails: readonly Verification[]): number {
  const left = trails.flatMap(({ brokers, withoutEnd }) =>
    arrivals.flatMap(({ session, log }) => (brokers.has(log) && withoutEnd.has(session) ? [session] : [])),
  );
  return new Set(left).size;
}
