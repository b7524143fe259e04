import type { Snapshot, StockFunction } from "./snapshot.ts";
import { REVIEWS, SAMPLING_METHODS } from "./verdicts.ts";

export type Verdict = "harmless" | "unknown";

/** Thrown when a release brings functions that nobody has judged. */
export class Unreviewed extends Error {
  override readonly name = "Unreviewed";
}

export interface Judged {
  /** Verdict of each name: harmless only when all its overloads are. */
  readonly functions: ReadonlyMap<string, Verdict>;
  readonly operators: ReadonlyMap<string, Verdict>;
  readonly types: ReadonlyMap<string, Verdict>;
}

/** `schema.name` for what is not in pg_catalog, so that one map holds both stock schemas. */
export function keyOf({ schema, name }: { schema: string; name: string }): string {
  return schema === "pg_catalog" ? name : `${schema}.${name}`;
}

export function judge(snapshot: Snapshot): Judged {
  refuseUnreviewed(snapshot);
  const functions = worst(snapshot.functions.map((f) => [keyOf(f), verdictOf(f)]));
  return {
    functions,
    operators: worst(snapshot.operators.map((o) => [o.name, functions.get(o.functionName) ?? "unknown"])),
    types: new Map(snapshot.types.map((type) => [keyOf(type), typeVerdict(type.name)])),
  };
}

export function verdictOf(stock: StockFunction): Verdict {
  // information_schema keeps helpers of its views there, which read catalogs.
  if (stock.schema !== "pg_catalog") return "unknown";
  if (SAMPLING_METHODS.includes(stock.name)) return "harmless";
  if (stock.types.some((type) => INTERNAL_TYPE.test(type))) return "unknown";
  const review = reviewOf(stock.name);
  if (review !== undefined) return review.verdict;
  return stock.volatility === "immutable" ? "harmless" : "unknown";
}

/** Input and output functions, handlers, planner support: the server calls them, statements have no reason to. */
const INTERNAL_TYPE = /^(internal|cstring|trigger|event_trigger|.*_handler)$/;

const typeVerdict = (name: string): Verdict =>
  INTERNAL_TYPE.test(name.replace(/^_/, "")) ? "unknown" : "harmless";

function reviewOf(name: string): (typeof REVIEWS)[number] | undefined {
  return REVIEWS.find(({ names }) => names.some((entry) => matches(entry, name)));
}

function matches(entry: string | RegExp, name: string): boolean {
  return typeof entry === "string" ? entry === name : new RegExp(`^(?:${entry.source})$`).test(name);
}

function refuseUnreviewed({ version, functions }: Snapshot): void {
  const missing = functions.filter(
    (stock) =>
      stock.schema === "pg_catalog" &&
      stock.volatility !== "immutable" &&
      !SAMPLING_METHODS.includes(stock.name) &&
      !stock.types.some((type) => INTERNAL_TYPE.test(type)) &&
      reviewOf(stock.name) === undefined,
  );
  if (missing.length === 0) return;
  const names = [...new Set(missing.map(({ name }) => name))].join(" ");
  throw new Unreviewed(`PostgreSQL ${version} has functions without a row in verdicts.ts: ${names}`);
}

function worst(entries: readonly (readonly [string, Verdict])[]): ReadonlyMap<string, Verdict> {
  const verdicts = new Map<string, Verdict>();
  for (const [key, verdict] of entries) {
    if (verdicts.get(key) !== "unknown") verdicts.set(key, verdict);
  }
  return verdicts;
}
