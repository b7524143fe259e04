/**
 * Who may what, told a second time and in another way: from what everybody really did, which no annotation or owner reference can say
 * otherwise. It knows nothing of stamps, uids that are looked up, chains or plans.
 */

export type Account = "boss" | "aide" | "hand";
export const ACCOUNTS: readonly Account[] = ["boss", "aide", "hand"];
export const CONNECTIONS = ["orders", "mail"] as const;
export type Wanted = (typeof CONNECTIONS)[number];
export const DEPTH_MAX = 3;

export type Actor =
  | { readonly kind: "person"; readonly name: string }
  | { readonly kind: "ci"; readonly name: string }
  /** In a namespace that is not enforced: a GitOps controller. */
  | { readonly kind: "controller" }
  | { readonly kind: "pod"; readonly pod: PodTruth };

export interface PodTruth {
  readonly uid: string;
  readonly name: string;
  readonly account: Account;
  isAlive: boolean;
  /** Undefined while nobody has claimed it. */
  maker: Actor | undefined;
}

export type Delegate = "no" | "also" | "only";

export interface Rule {
  readonly account: Account;
  readonly connection: Wanted;
  readonly delegate: Delegate;
  readonly whenParentEnds: "finish" | "end";
}

export type Revoked =
  | { readonly what: "pod" | "subtree"; readonly uid: string }
  | { readonly what: "account"; readonly account: Account };

export interface PolicyTruth {
  readonly rules: readonly Rule[];
  readonly revoked: readonly Revoked[];
}

/** Who is above it, nearest first, as far as anybody looks; the last one is undefined where nobody has claimed the one before. */
export function lineageOf(pod: PodTruth): readonly (Actor | undefined)[] {
  const lineage: (Actor | undefined)[] = [pod.maker];
  for (let last = pod.maker; last?.kind === "pod" && lineage.length <= DEPTH_MAX + 1; ) {
    last = last.pod.maker;
    lineage.push(last);
  }
  return lineage;
}

function agentsIn(lineage: readonly (Actor | undefined)[]): readonly PodTruth[] {
  return lineage.flatMap((actor) => (actor?.kind === "pod" ? [actor.pod] : []));
}

/** Whether a session may begin now. */
export function may(pod: PodTruth, connection: Wanted, policy: PolicyTruth): boolean {
  const lineage = lineageOf(pod);
  const agents = agentsIn(lineage);
  return (
    pod.isAlive &&
    !lineage.includes(undefined) &&
    agents.length <= DEPTH_MAX &&
    agents.every(({ isAlive }) => isAlive) &&
    permitted(pod, agents, connection, policy)
  );
}

export interface SessionTruth {
  readonly pod: PodTruth;
  readonly connection: Wanted;
  /** Of its pod when it began. */
  readonly lineage: readonly (Actor | undefined)[];
  /** When what it was lent is over, if it was never lent again. */
  untilMs: number;
}

/** Whether one that has begun may go on. */
export function mayGoOn(session: SessionTruth, policy: PolicyTruth, nowMs: number): boolean {
  const { pod, connection, lineage } = session;
  const agents = agentsIn(lineage);
  const isBereaved = agents.some(({ isAlive }) => !isAlive);
  return (
    pod.isAlive &&
    isStill(lineage, lineageOf(pod)) &&
    nowMs < session.untilMs &&
    permitted(pod, agents, connection, policy) &&
    !(isBereaved && endsWithParent(pod, agents, connection, policy))
  );
}

function endsWithParent(
  pod: PodTruth,
  agents: readonly PodTruth[],
  connection: Wanted,
  { rules }: PolicyTruth,
): boolean {
  const accounts = [pod, ...agents].map(({ account }) => account);
  return rules.some(
    (rule) =>
      rule.connection === connection && accounts.includes(rule.account) && rule.whenParentEnds === "end",
  );
}

function permitted(
  pod: PodTruth,
  agents: readonly PodTruth[],
  connection: Wanted,
  { rules, revoked }: PolicyTruth,
): boolean {
  const has = ({ account }: PodTruth, delegates: readonly Delegate[]): boolean =>
    rules.some(
      (rule) =>
        rule.account === account && rule.connection === connection && delegates.includes(rule.delegate),
    );
  return (
    has(pod, ["no", "also"]) &&
    agents.every((agent) => has(agent, ["also", "only"])) &&
    !revoked.some((one) => [pod, ...agents].some((each, at) => reaches(one, each, agents.slice(at))))
  );
}

/** `further`: whoever is above that one. */
function reaches(revoked: Revoked, pod: PodTruth, further: readonly PodTruth[]): boolean {
  if (revoked.what === "account") return revoked.account === pod.account;
  return (
    pod.uid === revoked.uid || (revoked.what === "subtree" && further.some(({ uid }) => uid === revoked.uid))
  );
}

/** Who was above one that lives no more is who was. */
function isStill(before: readonly (Actor | undefined)[], now: readonly (Actor | undefined)[]): boolean {
  const dead = before.findIndex((actor) => actor?.kind === "pod" && !actor.pod.isAlive);
  const count = dead < 0 ? Math.max(before.length, now.length) : dead + 1;
  return Array.from({ length: count }, (_, at) => sameActor(before[at], now[at])).every(Boolean);
}

function sameActor(one: Actor | undefined, other: Actor | undefined): boolean {
  if (one?.kind === "pod") return other?.kind === "pod" && one.pod === other.pod;
  if (one?.kind === "person" || one?.kind === "ci")
    return other?.kind === one.kind && one.name === other.name;
  return one?.kind === other?.kind;
}
