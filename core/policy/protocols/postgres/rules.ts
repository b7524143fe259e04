/** The row of PostgreSQL in the table of protocols. */
import type { PostgresRequest } from "#core/statements/postgres/facts.ts";
import { type Report, join, readFields, readTexts } from "../../shape.ts";
import type { MaskTarget, RuleFamily } from "../family.ts";
import { type Demand, type Matcher, compileMatcher, covers, isImplied, touches, vouches } from "./matcher.ts";
import { keysOfDemand, keysOfRule } from "./keys.ts";
import { parseColumnPattern } from "./patterns.ts";
import { demandsOf, isPostgresRequest } from "./request.ts";
import { say, whyNotCovered, whyTouched } from "./words.ts";

export const postgres: RuleFamily<PostgresRequest, Matcher, Demand> = {
  compileRule: compileMatcher,
  compileMask,
  isRequest: isPostgresRequest,
  demands: demandsOf,
  keysOfRule,
  keysOfDemand,
  covers,
  forwardsAll: ({ forwards, unfiltered }) => forwards && unfiltered === undefined,
  canBeVouched: ({ kind }) => kind === "call",
  vouches,
  touches,
  closesSession: ({ whole }) => whole,
  isImplied,
  doubtOf: (demand) => (demand.kind === "doubt" ? say(demand) : undefined),
  say,
  whyClosed: () => undefined,
  whyNotCovered,
  whyTouched,
};

function compileMask(block: unknown, path: string, report: Report): readonly MaskTarget[] {
  const fields = readFields(block, ["columns"], path, report);
  const at = join(path, "columns");
  const columns = readTexts(fields["columns"], at, report);
  if (columns.length === 0) report(at, "must name at least one column");
  return columns.flatMap((text, index) => parseColumnPattern(text, `${at}[${index}]`, report) ?? []);
}
