/** Reads from one database, in one snapshot and with the session's own rights, all that is to be known of it. */
import { createHash, type Hash } from "node:crypto";
import type { ColumnMask } from "#core/policy/decision.ts";
import type { Catalog } from "#core/statements/postgres/catalog.ts";
import {
  type AddedObject,
  type CatalogObject,
  FIRST_NORMAL_OID,
  keyOf,
  liveCatalog,
} from "#core/statements/postgres/live.ts";
import { graphOf, type GraphRows, readGraph } from "./graph.ts";
import type { GraphRelation } from "./protection.ts";
import { FUNCTIONS, OPERATORS, RELATIONS, TYPES } from "./queries.ts";
import { type SideConnection, SideFailure, valuesOf } from "./side-connection.ts";
import { inSnapshot, limitOf, type Question } from "./snapshot.ts";
import { eachRow } from "./turns.ts";

export interface Reading {
  readonly names: Catalog;
  /** How many columns each relation has ever had, by its oid: more than that are news. */
  readonly columnCounts: ReadonlyMap<number, number>;
  /** Code whose text could query, by `keyOf`; undefined: any could. */
  readonly readers: ReadonlySet<string> | undefined;
  /** Code that could change the catalog. */
  readonly changers: ReadonlySet<string> | undefined;
  /** What the masks of `asked` could reach. */
  readonly graph: readonly GraphRelation[];
  readonly asked: ReadonlySet<string>;
  /** Same digest, same content. */
  readonly digest: string;
}

/** `known` is asked for what has that digest already, so that whatever was found with it stays found. */
export async function readDatabase(
  side: SideConnection,
  question: Question,
  known: (digest: string) => Reading | undefined,
  signal: AbortSignal,
): Promise<Reading> {
  side.allow(question.limits.bytesMax);
  const hash = createHash("sha256");
  const asked = new Set(question.masks.map(maskKey));
  hash.update(JSON.stringify([...asked].sort()));
  const code = await readCode(side, question, hash, signal);
  const ask = await inSnapshot(side, hash, signal);
  const relations = await ask.rows(RELATIONS, [limitOf(question)]);
  const graph = await readGraph(ask, question);
  await ask.end();
  const digest = hash.digest("base64");
  return known(digest) ?? made(question, { relations, code, graph }, { asked, digest });
}

export const maskKey = ({ schema, table, column }: ColumnMask): string =>
  JSON.stringify([schema, table, column]);

interface CodeRows {
  readonly functions: readonly Buffer[];
  readonly operators: readonly Buffer[];
  readonly types: readonly Buffer[];
}

const INSUFFICIENT_PRIVILEGE = "42501";

/** A role that may not read pg_proc and its kin still has relations; what they call is unknown then. */
async function readCode(
  side: SideConnection,
  question: Question,
  hash: Hash,
  signal: AbortSignal,
): Promise<CodeRows | string> {
  const ask = await inSnapshot(side, hash, signal);
  const values = [String(question.isNewer ? 0 : FIRST_NORMAL_OID), limitOf(question)];
  let code: CodeRows | string;
  try {
    const functions = await ask.rows(FUNCTIONS, values);
    const operators = await ask.rows(OPERATORS, values);
    const types = await ask.rows(TYPES, values);
    const longest = Math.max(functions.length, operators.length, types.length);
    code =
      longest > question.limits.rowsMax
        ? "the database has more of them than the gateway keeps"
        : { functions, operators, types };
  } catch (error) {
    if (!(error instanceof SideFailure) || error.code !== INSUFFICIENT_PRIVILEGE) throw error;
    code = "the session's role may not read pg_proc, pg_operator, pg_type, pg_cast or pg_depend";
  }
  await ask.end();
  hash.update(typeof code === "string" ? code : "read");
  return code;
}

interface Rows {
  readonly relations: readonly Buffer[];
  readonly code: CodeRows | string;
  readonly graph: GraphRows;
}

async function made(
  question: Question,
  { relations, code, graph }: Rows,
  identity: Pick<Reading, "asked" | "digest">,
): Promise<Reading> {
  if (relations.length > question.limits.rowsMax)
    throw new SideFailure(`the database has more than ${question.limits.rowsMax} relations`);
  const known = await relationsOf(relations);
  const { stock } = question;
  const { columnCounts, ...listed } = known;
  if (typeof code === "string") {
    const none = { functions: undefined, operators: undefined, types: undefined, problem: code };
    return {
      ...identity,
      names: liveCatalog(stock, { ...listed, ...none }),
      columnCounts,
      readers: undefined,
      changers: undefined,
      graph: await graphOf(graph),
    };
  }
  const functions = codeOf(code.functions, (name) => isNews(question, "functionHarm", name));
  const operators = codeOf(code.operators, (name) => isNews(question, "operatorHarm", name));
  const types = typesOf(code.types).filter((type) => isNews(question, "typeHarm", type));
  return {
    ...identity,
    names: liveCatalog(stock, {
      ...listed,
      functions: functions.objects,
      operators: operators.objects,
      types,
    }),
    columnCounts,
    readers: new Set([...functions.readers, ...operators.readers]),
    changers: new Set([...functions.changers, ...operators.changers]),
    graph: await graphOf(graph),
  };
}

/** Of a newer server everything is listed, and what the stock has is left to it. */
function isNews(
  { isNewer, stock }: Question,
  harm: "functionHarm" | "operatorHarm" | "typeHarm",
  { schema, name }: CatalogObject,
): boolean {
  return !isNewer || stock[harm](schema, name, []) === "absent";
}

interface Relations {
  readonly relations: readonly CatalogObject[];
  readonly withheld: readonly CatalogObject[];
  readonly columnCounts: ReadonlyMap<number, number>;
}

async function relationsOf(rows: readonly Buffer[]): Promise<Relations> {
  const relations: CatalogObject[] = [];
  const withheld: CatalogObject[] = [];
  const columnCounts = new Map<number, number>();
  const schemas = new Map<string, string>();
  await eachRow(rows, ([oid, schemaText, name, count, usable]) => {
    // Thousands of relations share one string.
    const schema = schemas.get(schemaText ?? "") ?? schemaText ?? "";
    schemas.set(schema, schema);
    columnCounts.set(Number(oid), Number(count));
    const relation = { schema, name: name ?? "" };
    relations.push(relation);
    if (usable !== "t") withheld.push(relation);
    if (schema.startsWith("pg_temp_")) relations.push({ schema: "pg_temp", name: relation.name });
  });
  return { relations, withheld, columnCounts };
}

interface Code {
  readonly objects: readonly AddedObject[];
  readonly readers: readonly string[];
  readonly changers: readonly string[];
}

function codeOf(rows: readonly Buffer[], isWanted: (object: CatalogObject) => boolean): Code {
  const objects: AddedObject[] = [];
  const readers: string[] = [];
  const changers: string[] = [];
  for (const row of rows) {
    const [schema, name, quiet, reads, changes] = valuesOf(row);
    const object = { schema: schema ?? "", name: name ?? "" };
    if (!isWanted(object)) continue;
    objects.push({ ...object, harm: quiet === "t" ? "harmless" : "unknown" });
    if (reads === "t") readers.push(keyOf(object));
    if (changes === "t") changers.push(keyOf(object));
  }
  return { objects, readers, changers };
}

function typesOf(rows: readonly Buffer[]): AddedObject[] {
  return rows.map((row) => {
    const [schema, name, harmless] = valuesOf(row);
    return { schema: schema ?? "", name: name ?? "", harm: harmless === "t" ? "harmless" : "unknown" };
  });
}
