/**
 * What a cluster's objects come to: one plan, and for each object whether it is in force. As with files, a bad edit
 * leaves the last good version of an object in force, and what has none closes what it reaches.
 */
import type { Connection, IdentityProvider } from "#core/api/kinds.gen.ts";
import type { Loaded, PolicySource } from "#core/api/loaded.ts";
import { carryForward } from "#core/policy/carry-forward.ts";
import type { Compiled } from "#core/policy/compile-policy.ts";
import { compile, compileSource, type GoodSource } from "#core/policy/compile.ts";
import type { Plan } from "#core/policy/plan.ts";
import { errorsOf, type KindFinding } from "../admission/kinds/judge.ts";
import type { OwnKind } from "../kube/resource.ts";
import { type Known, readAgain } from "./known.ts";
import { mismatched } from "./mismatch.ts";
import { type Relations, relationsOf } from "./relations.ts";

export interface Standing {
  readonly generation: number | undefined;
  readonly findings: readonly KindFinding[];
  /** `kept`: this version is wrong, and the last good one is in force. `broken`: wrong, with no good one known. */
  readonly state: "good" | "kept" | "broken";
  readonly keptGeneration?: number | undefined;
}

export interface Desired {
  /** Good objects and last good versions; policies as the plan has them. */
  readonly loaded: Loaded;
  readonly plan: Plan;
  readonly relations: Relations;
  /** Of `loaded.connections`. */
  readonly connectionUids: ReadonlyMap<Connection, string>;
  /** Of `loaded.identityProviders`. */
  readonly providerUids: ReadonlyMap<IdentityProvider, string>;
  /** By uid. */
  readonly standings: ReadonlyMap<string, Standing>;
}

export interface DesiredState {
  /** All objects that there are. What did not change since the last call is not read again. */
  read(objects: Iterable<OwnKind>): Desired;
}

/** Versions that were good are remembered here and nowhere else: after a restart a broken policy closes what it selects. */
export function desiredState(): DesiredState {
  let known: ReadonlyMap<string, Known> = new Map();
  const compiled = new WeakMap<GoodSource, Compiled>();
  const compileOnce = (source: GoodSource): Compiled => {
    const found = compiled.get(source) ?? compileSource(source);
    compiled.set(source, found);
    return found;
  };
  return {
    read(objects) {
      const read = new Map<string, Known>();
      for (const object of objects) {
        const { uid } = object.metadata;
        // Only what the API server has stored has a uid; anything else is not in force.
        if (uid !== undefined) read.set(uid, readAgain(object, uid, known.get(uid)));
      }
      const desired = bring(read, compileOnce);
      known = remember(read, desired.standings);
      return desired;
    },
  };
}

function bring(read: ReadonlyMap<string, Known>, compileOne: (source: GoodSource) => Compiled): Desired {
  const connectionUids = new Map<Connection, string>();
  const providerUids = new Map<IdentityProvider, string>();
  for (const [uid, { judgement, good }] of read) {
    const connection = current(judgement, good?.judgement, "connection")?.connection;
    const provider = current(judgement, good?.judgement, "identityProvider")?.provider;
    if (connection !== undefined) connectionUids.set(connection, uid);
    if (provider !== undefined) providerUids.set(provider, uid);
  }
  const connections = [...connectionUids.keys()];
  const identityProviders = [...providerUids.keys()];
  const standings = new Map<string, Standing>();
  const mismatches = mismatched(read, connections);
  const sound: PolicySource[] = [];
  const broken: PolicySource[] = [];
  for (const [uid, known] of read) {
    const mismatch = mismatches.get(uid);
    const findings = [...known.judgement.findings, ...(mismatch?.findings ?? [])];
    const isGood = errorsOf({ findings }).length === 0;
    standings.set(uid, standingOf(known, findings, isGood));
    if (known.judgement.kind !== "policy") continue;
    (isGood ? sound : broken).push(mismatch?.source ?? known.judgement.source);
  }
  const lastGood = [...read.values()].flatMap(({ good }) => {
    return good?.judgement.kind === "policy" ? [good.judgement.source] : [];
  });
  const policies = [...sound, ...carryForward(broken.length === 0 ? [] : lastGood, broken)];
  const diagnostics = policies.flatMap((source) => (source.state === "broken" ? source.diagnostics : []));
  const plan = compile({ connections, policies }, compileOne);
  return {
    loaded: {
      connections,
      policies,
      identityProviders,
      // Read from its store, since admission must not wait for the whole to be read.
      workloadControllers: [],
      tests: [],
      gateways: [],
      diagnostics,
    },
    plan,
    relations: relationsOf(plan),
    connectionUids,
    providerUids,
    standings,
  };
}

type Judgement = Known["judgement"];

/** This version if it is good, else the last one that was. */
function current<Kind extends "connection" | "identityProvider">(
  judgement: Judgement,
  last: Judgement | undefined,
  kind: Kind,
): Extract<Judgement, { kind: Kind }> | undefined {
  const chosen = judgement.kind === kind && errorsOf(judgement).length > 0 ? (last ?? judgement) : judgement;
  return chosen.kind === kind ? (chosen as Extract<Judgement, { kind: Kind }>) : undefined;
}

function standingOf(
  { generation, good }: Known,
  findings: readonly KindFinding[],
  isGood: boolean,
): Standing {
  if (isGood) return { generation, findings, state: "good" };
  if (good === undefined) return { generation, findings, state: "broken" };
  return { generation, findings, state: "kept", keptGeneration: good.generation };
}

function remember(
  read: ReadonlyMap<string, Known>,
  standings: ReadonlyMap<string, Standing>,
): ReadonlyMap<string, Known> {
  const remembered = new Map<string, Known>();
  for (const [uid, known] of read) {
    const { judgement, generation } = known;
    const isGood = standings.get(uid)?.state === "good";
    remembered.set(uid, isGood ? { ...known, good: { judgement, generation } } : known);
  }
  return remembered;
}
