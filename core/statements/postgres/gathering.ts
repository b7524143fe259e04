/** Collects what a statement does while its tree is walked, and makes the facts of it. */
import type {
  Access,
  Call,
  ColumnUse,
  Doubt,
  DoubtCode,
  RelationName,
  StatementClass,
  StatementFacts,
  StatementVerb,
} from "./facts.ts";
import type { Deed } from "./work.ts";

/** More than any honest statement names. Beyond it nothing more is collected and the statement is in doubt. */
export const ACCESSES_MAX = 2_000;
export const CALLS_MAX = 1_000;
export const COLUMNS_MAX = 2_000;
/** Literals are for digests and previews only: later ones are left out without a doubt. */
export const LITERALS_MAX = 10_000;

export interface Gathering {
  readonly deeds: readonly Deed[];
  readonly calls: readonly Call[];
  readonly doubts: readonly Doubt[];
  /** The first to say so is the outermost, and right. */
  classify(kind: StatementClass): void;
  deed(verb: StatementVerb, relation?: RelationName, unfiltered?: boolean): Deed;
  call(call: Call): void;
  doubt(code: DoubtCode, text: string): void;
  column(use: ColumnUse): void;
  literal(offsetBytes: number): void;
  /** What it has to do with names of the session. */
  name(named: Pick<StatementFacts, "defines" | "runs" | "drops" | "explains">): void;
  movesSearchPath(): void;
  /** Takes over what another statement does, as EXECUTE does. */
  adopt(other: StatementFacts): void;
  finish(startByte: number, lengthBytes: number): StatementFacts;
}

export function gathering(): Gathering {
  let kind: StatementClass | undefined;
  let names: Pick<StatementFacts, "defines" | "runs" | "drops" | "explains"> = {};
  let movesPath = false;
  const deeds: Deed[] = [];
  const calls = new Map<string, Call>();
  const doubts = new Map<string, Doubt>();
  const columns = new Map<string, ColumnUse>();
  const literals: number[] = [];

  const self: Gathering = {
    get deeds() {
      return deeds;
    },
    get calls() {
      return [...calls.values()];
    },
    get doubts() {
      return [...doubts.values()];
    },
    classify(next) {
      kind ??= next;
    },
    deed(verb, relation, unfiltered = false) {
      const deed: Deed = { verb, relation, unfiltered, collected: false };
      if (deeds.length < ACCESSES_MAX) deeds.push(deed);
      else self.doubt("TOO_LARGE", "names more relations than analysis follows");
      return deed;
    },
    call(call) {
      if (calls.size >= CALLS_MAX) self.doubt("TOO_LARGE", "calls more functions than analysis follows");
      else calls.set(JSON.stringify([call.kind, call.name, call.schemas]), call);
    },
    doubt(code, text) {
      doubts.set(code + text, { code, text });
    },
    column(use) {
      if (columns.size >= COLUMNS_MAX) self.doubt("TOO_LARGE", "names more columns than analysis follows");
      else columns.set(columnKey(use), use);
    },
    literal(offsetBytes) {
      if (literals.length < LITERALS_MAX) literals.push(offsetBytes);
    },
    name(named) {
      names = { ...names, ...named };
    },
    movesSearchPath() {
      movesPath = true;
    },
    adopt(other) {
      adopt(self, other);
      if (other.movesSearchPath === true) movesPath = true;
    },
    finish(startByte, lengthBytes) {
      return {
        class: kind ?? "unknown",
        accesses: merged(deeds),
        calls: [...calls.values()],
        doubts: [...doubts.values()],
        columns: [...columns.values()],
        literalOffsetsBytes: [...new Set(literals)].sort((a, b) => a - b),
        startByte,
        lengthBytes,
        // Unknown code may set it as well.
        ...(movesPath || calls.size > 0 || doubts.size > 0 ? { movesSearchPath: true as const } : {}),
        ...names,
      };
    },
  };
  return self;
}

function adopt(into: Gathering, other: StatementFacts): void {
  for (const access of other.accesses) into.deed(access.verb, access.relation, access.unfiltered);
  for (const call of other.calls) into.call(call);
  for (const doubt of other.doubts) into.doubt(doubt.code, doubt.text);
  for (const use of other.columns) into.column(use);
}

/** One access for each verb and relation; unfiltered when any of them was. */
function merged(deeds: readonly Deed[]): Access[] {
  const accesses = new Map<string, Access>();
  for (const { verb, relation, unfiltered } of deeds) {
    const key = relation === undefined ? verb : `${verb}\0${relation.schema}\0${relation.name}`;
    const known = accesses.get(key);
    if (known !== undefined && (known.unfiltered || !unfiltered)) continue;
    accesses.set(key, relation === undefined ? { verb, unfiltered } : { verb, relation, unfiltered });
  }
  return [...accesses.values()];
}

function columnKey(use: ColumnUse): string {
  return use.relation === undefined
    ? use.column
    : `${use.relation.schema}\0${use.relation.name}\0${use.column}`;
}
