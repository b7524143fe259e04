/** Says of each output what becomes of it: by its origin where it has one, else by everything it could be made of. */
import type { ColumnMask } from "#core/policy/decision.ts";
import type { ColumnUse, RelationName, StatementFacts } from "#core/statements/postgres/facts.ts";
import { keyOf } from "#core/statements/postgres/live.ts";
import { isRefusal, type Refusal, refusal } from "#core/values/refusal.ts";
import type { OutputColumn } from "#core/wire/postgres/messages.ts";
import type { ColumnActions, ColumnResolver } from "../masking.ts";
import { type Guarded, type Protection, protect } from "./protection.ts";
import { maskKey, type Reading } from "./reading.ts";
import { STATISTICS_MASKS } from "./statistics.ts";

/** What an open transaction of this session has done to the catalog, which nobody else can see yet. */
export type Unsettled = { readonly relations: readonly RelationName[] } | "anything" | undefined;

/** The session's state, as it is when something is resolved. */
export interface Knowledge {
  /** A text says why there is none; safe to show. */
  readonly reading: Reading | string;
  readonly unsettled: Unsettled;
  /** The session has changed something since that was read. */
  readonly isBehind: boolean;
  /** Reads the catalog again, if it can; resolves when `reading` is what there is to know. */
  readAgain(masks: readonly ColumnMask[]): Promise<void>;
}

export function catalogResolver(knowledge: Knowledge): ColumnResolver {
  const clear = (facts: StatementFacts, masks: readonly ColumnMask[]): string | undefined => {
    return whyUnclear(facts, knownOf(knowledge, masks));
  };
  return {
    actions(columns, facts, masks) {
      const found = resolve(columns, facts, knownOf(knowledge, masks));
      if (found !== NEWS) return found;
      return knowledge.readAgain(masks).then(() => {
        const again = resolve(columns, facts, knownOf(knowledge, masks));
        return again === NEWS ? refused("it comes from something that the catalog does not show") : again;
      });
    },
    mayRefuse: (facts, masks) => returnsRows(facts) && clear(facts, masks) !== undefined,
    copyOut(facts, masks) {
      const copies = facts.class === "copyOut" || facts.accesses.some(({ verb }) => verb === "copyOut");
      const why = copies ? clear(facts, masks) : undefined;
      return why === undefined
        ? undefined
        : refused(`COPY does not say what its columns are, and ${why}; use SELECT`);
    },
    mayQuote(facts, masks) {
      const known = knownOf(knowledge, masks);
      if (facts === undefined || typeof known === "string" || known.unsettled !== undefined) return true;
      // Its end carries out what was deferred: checks of keys, and triggers, of whatever came before.
      if (facts.class === "transaction") return true;
      if (facts.doubts.length > 0 || readingCode(facts, known) !== undefined) return true;
      return facts.accesses.some(
        ({ relation }) => relation !== undefined && guardedBy(relation, known.protection).length > 0,
      );
    },
  };
}

/** Everything that a decision here is made from. */
interface Known {
  readonly reading: Reading;
  readonly protection: Protection;
  readonly unsettled: Unsettled;
}

/** The catalog was not read for these masks. */
const UNREAD = "what the masks cover has not been looked up yet";

function knownOf({ reading, unsettled, isBehind }: Knowledge, masks: readonly ColumnMask[]): Known | string {
  if (typeof reading === "string") return reading;
  if (isBehind) return UNREAD;
  const protection = protectionOf(reading, masks);
  return protection === undefined ? UNREAD : { reading, protection, unsettled };
}

/** Sessions have lists of their own that say the same. */
const keys = new WeakMap<readonly ColumnMask[], string>();

function keyOfMasks(masks: readonly ColumnMask[]): string {
  const known = keys.get(masks);
  if (known !== undefined) return known;
  const key = JSON.stringify(masks.map((mask) => `${mask.action} ${maskKey(mask)}`).sort());
  keys.set(masks, key);
  return key;
}

/** By the masks; undefined: the reading was not made for them. */
const protections = new WeakMap<Reading, Map<string, Protection | undefined>>();
/** More sets of masks than one role on one database has at a time. */
const PROTECTIONS_MAX = 64;

function protectionOf(reading: Reading, masks: readonly ColumnMask[]): Protection | undefined {
  let known = protections.get(reading);
  if (known === undefined) protections.set(reading, (known = new Map()));
  const key = keyOfMasks(masks);
  if (known.has(key)) return known.get(key);
  const isAsked = masks.every((mask) => reading.asked.has(maskKey(mask)));
  const made = isAsked ? protect(reading.graph, [...masks, ...STATISTICS_MASKS]) : undefined;
  if (known.size >= PROTECTIONS_MAX) known.clear();
  known.set(key, made);
  return made;
}

export const hasRead = (reading: Reading, masks: readonly ColumnMask[]): boolean =>
  masks.length === 0 || protectionOf(reading, masks) !== undefined;

const NEWS = Symbol("not in the catalog as it was read");

function resolve(
  columns: readonly OutputColumn[],
  facts: StatementFacts | undefined,
  known: Known | string,
): ColumnActions | Refusal | typeof NEWS {
  if (known === UNREAD) return NEWS;
  let whyComputed: string | undefined | null = null;
  const actions: ColumnActions[number][] = [];
  for (const column of columns) {
    if (column.tableOid === 0) {
      if (whyComputed === null)
        whyComputed =
          facts === undefined ? "nobody knows which statement it comes from" : whyUnclear(facts, known);
      if (whyComputed !== undefined) return refused(whyComputed, column);
      actions.push(undefined);
      continue;
    }
    const found = typeof known === "string" ? refused(known, column) : byOrigin(column, known);
    if (found === NEWS) return NEWS;
    if (typeof found === "object" && isRefusal(found)) return found;
    actions.push(found);
  }
  return actions;
}

function byOrigin(
  column: OutputColumn,
  { reading, protection, unsettled }: Known,
): ColumnActions[number] | Refusal | typeof NEWS {
  const { tableOid, attributeNumber } = column;
  // Place, transaction and table of a row: no value of anybody's.
  if (attributeNumber < 0) return undefined;
  const count = reading.columnCounts.get(tableOid);
  if (count === undefined || attributeNumber > count)
    return unsettled === undefined ? NEWS : refused(OPEN_CHANGE, column);
  if (hidesLineage(unsettled, protection)) return refused(OPEN_CHANGE, column);
  const guarded = protection.byOid.get(tableOid);
  if (guarded === undefined) return undefined;
  if (attributeNumber === 0)
    return guarded.row === undefined ? undefined : refused("it is a whole row with a masked column", column);
  return guarded.byNumber.has(attributeNumber) ? guarded.byNumber.get(attributeNumber) : NEWS;
}

const OPEN_CHANGE = "the open transaction has changed the schema; end it first";

/** Whether the open transaction may have led masked columns to where they did not show before. */
function hidesLineage(unsettled: Unsettled, protection: Protection): boolean {
  if (unsettled === undefined) return false;
  return (
    unsettled === "anything" || unsettled.relations.some((each) => guardedBy(each, protection).length > 0)
  );
}

/** By what is protected, which is another object for every reading and every set of masks. */
const foundUnclear = new WeakMap<Protection, WeakMap<StatementFacts, { readonly why: string | undefined }>>();

/**
 * Why an output without an origin could show a masked value; undefined when everything that it could be made of is known
 * and not masked. Found once for each statement, but for what an open transaction may have changed.
 */
function whyUnclear(facts: StatementFacts, known: Known | string): string | undefined {
  if (typeof known === "string" || known.unsettled !== undefined) return findWhyUnclear(facts, known);
  const { protection } = known;
  let found = foundUnclear.get(protection);
  if (found === undefined) foundUnclear.set(protection, (found = new WeakMap()));
  let answer = found.get(facts);
  if (answer === undefined) found.set(facts, (answer = { why: findWhyUnclear(facts, known) }));
  return answer.why;
}

function findWhyUnclear(facts: StatementFacts, known: Known | string): string | undefined {
  if (isSelfContained(facts)) return undefined;
  if (typeof known === "string") return known;
  const [doubt] = facts.doubts;
  if (doubt !== undefined) return `the statement ${doubt.text}`;
  if (hidesLineage(known.unsettled, known.protection)) return OPEN_CHANGE;
  const code = readingCode(facts, known);
  if (code !== undefined) return `${code} could read a masked column`;
  const accessed = facts.accesses.flatMap(({ relation }) => relation ?? []);
  for (const use of facts.columns) {
    const relations = use.relation === undefined ? accessed : [use.relation];
    for (const relation of relations) {
      if (isElsewhere(relation, accessed, known)) continue;
      const why = whyUnclearIn(use, relation, known);
      if (why !== undefined) return why;
    }
  }
  return undefined;
}

/** A name that could be several relations is none of those that do not exist, if one of them does. */
function isElsewhere(
  { schema, name }: RelationName,
  accessed: readonly RelationName[],
  { reading }: Known,
): boolean {
  const { names } = reading;
  if (names.hasRelation(schema, name) !== false) return false;
  return accessed.some((other) => other.name === name && names.hasRelation(other.schema, name) === true);
}

/** `select 1`: nothing to look up. */
const isSelfContained = ({ doubts, calls, columns, accesses }: StatementFacts): boolean =>
  doubts.length + calls.length + columns.length === 0 &&
  accesses.every(({ relation }) => relation === undefined);

function whyUnclearIn(use: ColumnUse, relation: RelationName, known: Known): string | undefined {
  const { reading, protection, unsettled } = known;
  const name = `${relation.schema}.${relation.name}`;
  const isEvery = relation.schema === "*" || relation.name === "*";
  if (!isEvery && reading.names.hasRelation(relation.schema, relation.name) === false)
    return unsettled === undefined ? `the catalog does not show ${name}` : OPEN_CHANGE;
  if (typeof unsettled === "object" && unsettled.relations.some((each) => isSame(each, relation)))
    return OPEN_CHANGE;
  for (const guarded of guardedBy(relation, protection))
    if (showsMasked(use, guarded))
      return `the statement uses ${name}.${use.column}, which is or holds a masked column`;
  return undefined;
}

const isSame = (one: RelationName, other: RelationName): boolean =>
  one.name === other.name && one.schema === other.schema;

/** What is no column may be a function that takes the whole row, if it is said of a relation: `orders.row_to_json`. */
function showsMasked({ relation, column }: ColumnUse, guarded: Guarded): boolean {
  if (column !== "*" && guarded.byName.has(column)) return guarded.byName.get(column) !== undefined;
  if (column !== "*" && (relation === undefined || SYSTEM_COLUMNS.has(column))) return false;
  return guarded.row !== undefined;
}

const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(["tableoid", "ctid", "xmin", "cmin", "xmax", "cmax"]);

/** The relation, and the temporary one that may stand before it: an unqualified name is judged as the permanent one. */
function guardedBy({ schema, name }: RelationName, { byName, byOid }: Protection): readonly Guarded[] {
  if (schema === "*" || name === "*") return [...byOid.values()];
  const own = byName.get(keyOf({ schema, name })) ?? [];
  if (schema === "pg_temp") return own;
  return [...own, ...(byName.get(keyOf({ schema: "pg_temp", name })) ?? [])];
}

/** Code of a user that could query by itself; what PostgreSQL and the C of extensions do is known or named. */
function readingCode({ calls }: StatementFacts, { reading }: Known): string | undefined {
  for (const { schemas, name } of calls) {
    const found = schemas.find(
      (schema) => reading.readers?.has(keyOf({ schema, name })) ?? schema !== "pg_catalog",
    );
    if (found !== undefined) return `${found}.${name}`;
  }
  return undefined;
}

const WRITES: ReadonlySet<string> = new Set(["insert", "update", "delete", "merge"]);

/** A write that names no read has no RETURNING. */
const returnsRows = ({ class: kind, accesses, doubts, calls, explains }: StatementFacts): boolean =>
  explains === true ||
  doubts.length > 0 ||
  calls.length > 0 ||
  !WRITES.has(kind) ||
  accesses.some(({ verb }) => verb === "read");

function refused(why: string, column?: OutputColumn): Refusal {
  const what = column === undefined ? "the result" : `the output "${column.name}"`;
  return refusal("MASK_UNRESOLVED", `${what} could show a masked column: ${why}`);
}
