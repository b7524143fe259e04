/**
 * Masks by direct origin: a column of a result is one of a table, and PostgreSQL says which. Whatever is computed has
 * no origin, and passes only when nothing that it could be computed from is masked.
 */
import type { ColumnMask, MaskAction } from "#core/policy/decision.ts";
import type { ColumnUse, RelationName, StatementFacts } from "#core/statements/postgres/facts.ts";
import type { OutputColumn } from "#core/wire/postgres/messages.ts";
import { isRefusal, type Refusal, refusal } from "#core/values/refusal.ts";
import type { ColumnActions, ColumnResolver } from "./masking.ts";

export interface Origin {
  readonly schema: string;
  readonly table: string;
  /** Undefined for the whole row. */
  readonly column: string | undefined;
}

/** Undefined: there is no such column, so nothing can be said of it. A promise where it must be looked up. */
export type OriginLookup = (
  tableOid: number,
  attributeNumber: number,
) => Origin | undefined | Promise<Origin | undefined>;

export function resolverByOrigin(originOf: OriginLookup): ColumnResolver {
  return {
    actions(columns, facts, masks) {
      const found = columns.map((column) => actionOf(column, facts, masks, originOf));
      return found.some((one) => one instanceof Promise)
        ? Promise.all(found.map((one) => Promise.resolve(one))).then(together)
        : together(found as Found[]);
    },
    mayRefuse: (facts, masks) =>
      facts.doubts.length > 0 || facts.columns.some((use) => isProtected(use, facts, masks)),
    copyOut(facts, masks) {
      if (!facts.accesses.some(({ verb }) => verb === "copyOut") && facts.class !== "copyOut")
        return undefined;
      return facts.columns.some((use) => isProtected(use, facts, masks))
        ? refusal("MASK_UNRESOLVED", "COPY could show a masked column; use SELECT, or name other columns")
        : undefined;
    },
    mayQuote: (facts, masks) =>
      facts === undefined ||
      facts.doubts.length > 0 ||
      facts.accesses.some(({ relation }) => relation !== undefined && hasMasks(relation, masks)),
  };
}

type Found = MaskAction | Refusal | undefined;

function together(found: readonly Found[]): ColumnActions | Refusal {
  const refused = found.find((one) => typeof one === "object" && isRefusal(one));
  if (typeof refused === "object") return refused;
  return found.map((one) => (typeof one === "object" ? undefined : one));
}

function actionOf(
  column: OutputColumn,
  facts: StatementFacts | undefined,
  masks: readonly ColumnMask[],
  originOf: OriginLookup,
): Found | Promise<Found> {
  if (column.tableOid === 0) return computed(column, facts, masks);
  // System columns hold no value of anybody's.
  if (column.attributeNumber < 0) return undefined;
  const origin = originOf(column.tableOid, column.attributeNumber);
  const decide = (known: Origin | undefined): Found => actionAt(column, known, masks);
  return origin instanceof Promise ? origin.then(decide) : decide(origin);
}

function actionAt(column: OutputColumn, origin: Origin | undefined, masks: readonly ColumnMask[]): Found {
  if (origin === undefined) return unresolved(column);
  const { schema, table } = origin;
  if (origin.column === undefined)
    return hasMasks({ schema, name: table }, masks) ? unresolved(column) : undefined;
  const { column: name } = origin;
  const hits = masks.filter((mask) => covers(mask, { schema, name: table }) && mask.column === name);
  if (hits.length === 0) return undefined;
  return hits.some(({ action }) => action === "nullify") ? "nullify" : "redact";
}

function computed(
  column: OutputColumn,
  facts: StatementFacts | undefined,
  masks: readonly ColumnMask[],
): Found {
  const isClear =
    facts !== undefined &&
    facts.doubts.length === 0 &&
    !facts.columns.some((use) => isProtected(use, facts, masks));
  return isClear ? undefined : unresolved(column);
}

const unresolved = ({ name }: OutputColumn): Refusal =>
  refusal("MASK_UNRESOLVED", `the output "${name}" could show a masked column and its origin cannot be told`);

function isProtected(use: ColumnUse, facts: StatementFacts, masks: readonly ColumnMask[]): boolean {
  const relations =
    use.relation === undefined ? facts.accesses.flatMap(({ relation }) => relation ?? []) : [use.relation];
  return masks.some(
    (mask) =>
      (use.column === "*" || use.column === mask.column) &&
      relations.some((relation) => covers(mask, relation)),
  );
}

const hasMasks = (relation: RelationName, masks: readonly ColumnMask[]): boolean =>
  masks.some((mask) => covers(mask, relation));

const covers = (mask: ColumnMask, { schema, name }: RelationName): boolean =>
  (mask.schema === "*" || schema === "*" || mask.schema === schema) &&
  (mask.table === "*" || name === "*" || mask.table === name);
