/** The broker port as one data plane has it: nothing of another data plane's can be reached through it. */
import {
  type BrokerPort,
  type Hello,
  type IdentifyRequest,
  PORT_VERSIONS,
  type PlanPush,
  type SessionGrant,
  type Welcome,
} from "#core/port/port.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import { Audience } from "./audience.ts";
import type { Desk } from "./exchange/desk.ts";
import type { Sessions } from "./exchange/sessions.ts";
import { type KeysAhead, keysAhead } from "./keys-ahead.ts";
import { type BrokerMeters, measuredExchange } from "./meters.ts";
import type { IdentityFront } from "./identity/front.ts";
import { subjectOf } from "./identity/subject.ts";
import type { Verified } from "./identity/verifier.ts";
import type { PodPeer } from "./pods/pods.ts";
import type { Trail } from "./trail/trail.ts";
import type { Worker, Workers } from "./workers.ts";

/** To be detached when its carrier is gone; the same run of the data plane may come back. */
export interface DataPlanePort extends BrokerPort {
  detach(): void;
}

export interface PortDeps {
  /** Shown in `Welcome`. */
  readonly broker: string;
  /** Of this process. */
  readonly run: string;
  readonly meters: BrokerMeters;
  readonly front: IdentityFront;
  readonly sessions: Sessions;
  readonly desk: Desk;
  readonly workers: Workers;
  readonly trail: Pick<Trail, "openSession" | "append" | "declareLost">;
  readonly now: () => number;
  readonly currentPlan: (peer: PodPeer | undefined) => PlanPush | undefined;
  /** The pod at the other end; undefined for data planes of this machine. */
  readonly peer: PodPeer | undefined;
  readonly sessionsMax: number;
}

/** How long a session that was identified may take until it asks for a credential. */
const EXCHANGE_WITHIN_MS = 5 * 60_000;
const NAME_CHARS_MAX = 128;

export function dataPlanePort(deps: PortDeps): DataPlanePort {
  const { sessions, desk, workers, trail, now, peer, meters } = deps;
  let worker: Worker | undefined;
  const audience = new Audience(() => deps.currentPlan(peer));

  function detach(): void {
    if (worker === undefined) return;
    audience.follow(undefined);
    workers.detach(worker, now());
    worker = undefined;
  }

  /** The work for whoever has introduced itself. */
  async function known<Answer>(
    work: (worker: Worker) => Answer | Refusal | Promise<Answer | Refusal>,
  ): Promise<Answer | Refusal> {
    return worker === undefined
      ? refusal("NOT_SUPPORTED", "the data plane has not introduced itself")
      : work(worker);
  }

  return {
    async hello(hello) {
      const version = PORT_VERSIONS.find((own) => hello.versions.includes(own));
      if (version === undefined) return versionRefusal(hello);
      if (![hello.worker, hello.run].every(isName))
        return refusal("NOT_SUPPORTED", "a data plane has a short name, and so has its run");
      detach();
      worker = workers.attach(hello.worker, hello.run, peer);
      if (worker === undefined) return refusal("NOT_SUPPORTED", "this run has another name");
      audience.follow(worker);
      return { version, broker: deps.broker, run: deps.run } satisfies Welcome;
    },
    async identify(request, signal) {
      try {
        const answer = await known((of) => identify(deps, of, request, signal));
        // What is decided next is decided by the plan of who it has turned out to be.
        audience.catchUp();
        return answer;
      } finally {
        if (request.evidence.kind === "token") request.evidence.token.fill(0);
      }
    },
    exchange: (request, signal) =>
      known((of) =>
        measuredExchange(meters, "exchange", () => desk.exchange({ worker: of, peer }, request, signal)),
      ),
    renew: (lease, signal) =>
      known((of) => measuredExchange(meters, "renew", () => desk.renew({ worker: of, peer }, lease, signal))),
    async release(lease) {
      if (worker !== undefined) desk.release(worker, lease);
    },
    prove: (lease, challenge, signal) => known((of) => desk.prove(of, lease, challenge, signal)),
    hold: async () => refusal("ASK_NOT_AVAILABLE"),
    append: (batch, signal) => {
      const foreign = batch.some(({ session }) => isOfAnother(sessions.get(session)?.worker, worker));
      return foreign
        ? Promise.resolve(refusal("NOT_SUPPORTED", "a data plane reports on its own sessions only"))
        : known(() => trail.append(batch, signal));
    },
    subscribe: (listener, signal) => audience.listen(listener, signal),
    applied(_name, planVersion) {
      if (worker === undefined) return;
      const { appliedVersion } = worker;
      worker.appliedVersion = planVersion;
      // What it says again when it comes back is not put in force then.
      const toldMs = appliedVersion === planVersion ? undefined : audience.toldSinceMs(planVersion);
      if (appliedVersion !== undefined && toldMs !== undefined)
        meters.applied((performance.now() - toldMs) / 1000);
    },
    report(report) {
      if (worker !== undefined) worker.report = report;
    },
    detach,
  };
}

async function identify(
  deps: PortDeps,
  worker: Worker,
  request: IdentifyRequest,
  signal: AbortSignal,
): Promise<SessionGrant | Refusal> {
  const { sessions, now, sessionsMax } = deps;
  const { session } = request;
  const before = sessions.get(session);
  if (before !== undefined && before.worker !== worker)
    return refusal("IDENTITY_INVALID", "the session is known by another data plane");
  if (before === undefined && sessions.size >= sessionsMax) return refusal("LIMIT_GATEWAY");
  const found = before === undefined ? await whoIsNew(deps, request, signal) : undefined;
  if (found !== undefined && isRefusal(found)) return found;
  const keys = await (found?.keys ?? deps.trail.openSession(session, signal));
  if (isRefusal(keys)) return keys;
  // Asked twice at once, both get what the first came to.
  const known = sessions.get(session);
  if (known !== undefined && known.worker !== worker) return refusal("IDENTITY_INVALID");
  if (known !== undefined)
    return { caller: known.caller, digestKey: keys.digestKey, expiresMs: known.exchangeUntilMs };
  if (found === undefined) return refusal("IDENTITY_INVALID");
  const { verified } = found;
  const { identity, pod, ancestors = [] } = verified;
  const caller = { identity, ancestors, ...(pod === undefined ? {} : { pod }) };
  const exchangeUntilMs = Math.min(verified.expiresMs, now() + EXCHANGE_WITHIN_MS);
  sessions.add({
    id: session,
    worker,
    caller,
    subject: verified.subject ?? subjectOf(caller.identity),
    exchangeUntilMs,
    exchange: undefined,
  });
  return { caller, digestKey: keys.digestKey, expiresMs: exchangeUntilMs };
}

/** Where the keys have been made ahead they come with it. */
async function whoIsNew(
  { front, trail, peer }: PortDeps,
  { session, listener, evidence }: IdentifyRequest,
  signal: AbortSignal,
): Promise<{ readonly verified: Verified; readonly keys: KeysAhead["keys"] | undefined } | Refusal> {
  const isLikely = peer === undefined && front.isLikelyKnown(listener, evidence);
  const ahead = isLikely ? keysAhead(trail, session, signal) : undefined;
  const verified = await (peer === undefined
    ? front.identify(listener, evidence, signal)
    : peer.identify(signal));
  if (!isRefusal(verified)) return { verified, keys: ahead?.keys };
  await ahead?.drop();
  return verified;
}

function isName(word: string): boolean {
  return word !== "" && word.length <= NAME_CHARS_MAX;
}

function isOfAnother(owner: Worker | undefined, worker: Worker | undefined): boolean {
  return owner !== undefined && owner !== worker;
}

function versionRefusal({ versions }: Hello): Refusal {
  const theirs = versions.slice(0, 8).join(", ");
  return refusal(
    "NOT_SUPPORTED",
    `the data plane speaks port version ${theirs}; this broker speaks ${PORT_VERSIONS.join(", ")}`,
  );
}
