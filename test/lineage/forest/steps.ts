/** What happens in a forest, at random; and after each of it, that everybody has what the model says and nobody anything else. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { ApiOptions } from "./api.ts";
import { type Forest, type Known, pick, plantForest } from "./forest.ts";
import { type Gateways, type GatewaysOptions, openGateways } from "./gateways.ts";
import { sourcesOf } from "./policies.ts";
import {
  ACCOUNTS,
  type Account,
  type Actor,
  CONNECTIONS,
  type PolicyTruth,
  type Revoked,
  type Rule,
  may,
  mayGoOn,
} from "./truth.ts";

export interface Step {
  readonly what: keyof typeof STEPS;
  readonly who: number;
  readonly at: number;
  readonly as: number;
}

export interface Seen {
  granted: number;
  refused: Record<string, number>;
  ended: Record<string, number>;
}

export interface Play {
  readonly isWatching: boolean;
  readonly rules: readonly Rule[];
  readonly steps: readonly Step[];
}

/** A mistake, on the side of admission or of the broker. */
export interface Planted extends Pick<ApiOptions, "attributed"> {
  readonly wrong?: GatewaysOptions["wrong"];
  readonly isDeaf?: boolean;
}

interface Stage {
  readonly forest: Forest;
  readonly gateways: Gateways;
  readonly isWatching: boolean;
  policy: PolicyTruth;
  nowMs: number;
}

const START_MS = Date.UTC(2026, 10, 26);
const AGO_MS = 1_000;
const TICK_MS = 200;
const RECHECK_MS = 400;

export async function play({ isWatching, rules, steps }: Play, planted: Planted, seen: Seen): Promise<void> {
  let nowMs = START_MS;
  const clock = (): number => nowMs;
  const forest = await plantForest({ nowMs: clock, ...planted });
  const watches = isWatching && planted.isDeaf !== true;
  await using gateways = await openGateways({ forest, nowMs: clock, isWatching: watches, ...planted });
  const stage: Stage = {
    forest,
    gateways,
    isWatching,
    policy: { rules, revoked: [] },
    get nowMs() {
      return nowMs;
    },
    set nowMs(ms) {
      nowMs = ms;
    },
  };
  gateways.configure(sourcesOf(stage.policy));
  for (const step of steps) {
    await STEPS[step.what](stage, step, seen);
    await forest.reconcile();
    await pass(stage, AGO_MS);
    holdsAsItMay(stage, seen);
  }
}

/** Time goes by, and whatever is told within it is told. */
async function pass(stage: Stage, ms: number): Promise<void> {
  const { forest, gateways } = stage;
  const never = new AbortController().signal;
  const untilMs = stage.nowMs + ms;
  while (stage.nowMs < untilMs) {
    stage.nowMs = Math.min(stage.nowMs + TICK_MS, untilMs);
    forest.api.deliver();
    await gateways.renew();
    if (stage.nowMs % RECHECK_MS === 0) await gateways.broker.recheckAdoptable(never);
    gateways.broker.sweep();
  }
}

/** A second after whatever happened: those that go on may, and those that were ended may not. */
function holdsAsItMay({ gateways, policy, nowMs, isWatching }: Stage, seen: Seen): void {
  for (const session of gateways.sessions.splice(0)) {
    const { pod, lineage, ended } = session;
    const makers = lineage.map((actor) => (actor?.kind === "pod" ? actor.pod.name : actor?.kind));
    const story = `${session.connection} by ${pod.account} ${pod.name} of [${makers.join()}]`;
    if (ended === undefined) {
      // Without a watch it ends with what it was lent, and is never lent anything again.
      const isRight = mayGoOn(session, policy, nowMs) || (!isWatching && nowMs < session.untilMs);
      assert.ok(isRight, `goes on: ${story}`);
      gateways.sessions.push(session);
      continue;
    }
    seen.ended[ended.code] = (seen.ended[ended.code] ?? 0) + 1;
    assert.ok(!mayGoOn(session, policy, nowMs), `was ended with ${ended.code}: ${story}`);
  }
}

async function opens({ forest, gateways, policy }: Stage, { at, as }: Step, seen: Seen): Promise<void> {
  const living = forest.pods.filter(({ truth }) => truth.isAlive);
  const known = pick(at % 6 === 0 ? forest.pods : living, at);
  const connection = pick(CONNECTIONS, as % 5 === 0 ? 1 : 0);
  if (known === undefined || connection === undefined) return;
  const expected = may(known.truth, connection, policy);
  const answer = await gateways.open(known, connection);
  const code = answer === "granted" ? "granted" : answer.code;
  assert.equal(answer === "granted", expected, `${connection} by ${known.truth.name}: ${code}`);
  if (answer === "granted") seen.granted += 1;
  else seen.refused[code] = (seen.refused[code] ?? 0) + 1;
}

/** People are rare: whoever has pods launches others from them. */
function actorOf({ forest }: Stage, who: number): Actor {
  const roots: readonly Actor[] = [
    { kind: "person", name: "ada" },
    { kind: "ci", name: "acme/1" },
    { kind: "controller" },
  ];
  const living = forest.pods.filter(({ truth }) => truth.isAlive);
  const root = pick(roots, who) ?? { kind: "controller" };
  const known = who % 4 === 0 ? undefined : pick(living, who >> 2);
  return known === undefined ? root : { kind: "pod", pod: known.truth };
}

const accountOf = (as: number): Account => pick(ACCOUNTS, as) ?? "hand";
const podOf = ({ forest }: Stage, at: number): Known | undefined => pick(forest.pods, at);

function revokedOf(stage: Stage, { at, as }: Step): Revoked | undefined {
  const uid = podOf(stage, at)?.truth.uid;
  if (as % 3 === 0) return { what: "account", account: accountOf(at) };
  return uid === undefined ? undefined : { what: as % 3 === 1 ? "pod" : "subtree", uid };
}

function configure(stage: Stage, policy: PolicyTruth): void {
  stage.policy = policy;
  stage.gateways.configure(sourcesOf(policy));
}

type Doing = (stage: Stage, step: Step, seen: Seen) => Promise<void>;

const STEPS = {
  open: opens,
  launch: (stage, { who, as }) => stage.forest.launch(actorOf(stage, who), accountOf(as), undefined),
  forge: (stage, { who, at, as }) =>
    stage.forest.launch(actorOf(stage, who), accountOf(as), podOf(stage, at)),
  job: (stage, { who, as }) => stage.forest.job(actorOf(stage, who), accountOf(as)),
  cronJob: (stage, { who, as }) => stage.forest.cronJob(actorOf(stage, who), accountOf(as)),
  fire: (stage, { at }) => stage.forest.fire(at),
  deployment: (stage, { who, as }) => stage.forest.deployment(actorOf(stage, who), accountOf(as)),
  edit: (stage, { who, at, as }) => stage.forest.edit(actorOf(stage, who), at, accountOf(as), as),
  scale: (stage, { who, at, as }) => stage.forest.scale(actorOf(stage, who), at, as % 3),
  warm: (stage, { as }) => stage.forest.warm(accountOf(as)),
  claim: (stage, { who, at }) => stage.forest.claim(actorOf(stage, who), at),
  release: (stage, { at }) => stage.forest.release(at),
  end: async (stage, { at, as }) => {
    const known = podOf(stage, at);
    if (known?.truth.isAlive === true) stage.forest.end(known, as % 2 === 0 ? "succeeded" : "deleted");
  },
  revoke: async (stage, step) => {
    const revoked = revokedOf(stage, step);
    const { policy } = stage;
    if (revoked !== undefined) configure(stage, { ...policy, revoked: [...policy.revoked, revoked] });
  },
  forgive: async (stage) => {
    configure(stage, { ...stage.policy, revoked: stage.policy.revoked.slice(1) });
  },
  rule: async (stage, { at, as, who }) => {
    const { policy } = stage;
    const rules = policy.rules.filter((_, index) => index !== at % (policy.rules.length + 1));
    configure(stage, { ...policy, rules: as % 2 === 0 ? rules : [...rules, ruleOf(at, as, who)] });
  },
  wait: (stage, { at }) => pass(stage, (at % 400) * 1_000),
} as const satisfies Record<string, Doing>;

function ruleOf(at: number, as: number, who: number): Rule {
  return {
    account: accountOf(at),
    connection: pick(CONNECTIONS, as) ?? "orders",
    delegate: pick(["no", "also", "only"] as const, who) ?? "no",
    whenParentEnds: who % 5 === 0 ? "end" : "finish",
  };
}

const rules: fc.Arbitrary<readonly Rule[]> = fc
  .tuple(
    // What lets a family live, so that there is something to lose.
    fc.constantFrom<Rule["whenParentEnds"]>("finish", "end"),
    fc.array(
      fc.record<Rule>({
        account: fc.constantFrom(...ACCOUNTS),
        connection: fc.constantFrom(...CONNECTIONS),
        delegate: fc.constantFrom("no", "also", "also", "only"),
        whenParentEnds: fc.constantFrom("finish", "finish", "end"),
      }),
      { maxLength: 5 },
    ),
  )
  .map(([whenParentEnds, others]) => [
    ...ACCOUNTS.map((account): Rule => ({ account, connection: "orders", delegate: "also", whenParentEnds })),
    ...others,
  ]);

const OFTEN: readonly (keyof typeof STEPS)[] = [
  ...Array.from({ length: 10 }, () => "open" as const),
  ...Array.from({ length: 5 }, () => "launch" as const),
  ...(["job", "job", "edit", "claim", "end"] as const),
];

const steps: fc.Arbitrary<Step> = fc.record<Step>({
  what: fc.constantFrom(...OFTEN, ...(Object.keys(STEPS) as (keyof typeof STEPS)[])),
  who: fc.nat(1_000),
  at: fc.nat(1_000),
  as: fc.nat(100),
});

/** What chance brings about too seldom: a pod is used, and then is somebody else's. */
const adoptions: fc.Arbitrary<readonly Step[]> = fc
  .record({ one: fc.nat(1_000), other: fc.nat(1_000), as: fc.nat(100) })
  .map(({ one, other, as }) => [
    { what: "warm", who: 0, at: 0, as },
    { what: "claim", who: one, at: -1, as },
    { what: "open", who: 0, at: -1, as: 1 },
    { what: "claim", who: other, at: -1, as },
  ]);

export const plays: fc.Arbitrary<Play> = fc.record({
  isWatching: fc.constantFrom(true, true, true, false),
  rules,
  steps: fc
    .array(
      fc.oneof({ weight: 12, arbitrary: steps.map((step) => [step]) }, { weight: 1, arbitrary: adoptions }),
      {
        minLength: 5,
        maxLength: 60,
        size: "max",
      },
    )
    .map((parts) => parts.flat()),
});
