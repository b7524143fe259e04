/** Which rows are asked for: the options that `audit tail` and `audit grep` share. */
import { parseInstantMs } from "#core/policy/instant.ts";
import type { OptionSpec } from "../frame/command.ts";
import type { AuditRow } from "./rows.ts";

export const FILTER_OPTIONS = {
  session: { type: "string", value: "ID", help: "only this session; the beginning of its id is enough" },
  subject: { type: "string", value: "TEXT", help: "only sessions of subjects with this in their name" },
  connection: {
    type: "string",
    value: "NAME",
    help: "only sessions to this Connection: NAME or NAMESPACE/NAME",
  },
  outcome: { type: "string", choices: ["allow", "ask", "deny"], help: "only requests that were decided so" },
  code: { type: "string", value: "CODE", help: "only events with this code, such as DENY_RULE" },
  since: { type: "string", value: "TIME", help: "only from this time on, such as 2026-12-31T18:00:00Z" },
  until: { type: "string", value: "TIME", help: "only before this time" },
} as const satisfies Record<string, OptionSpec>;

export type FilterValues = { readonly [Name in keyof typeof FILTER_OPTIONS]: string | undefined };
export type Filter = (row: AuditRow) => boolean;

export function readFilter(
  values: FilterValues,
): { readonly ok: true; readonly value: Filter } | { readonly ok: false; readonly message: string } {
  const since = values.since === undefined ? -Infinity : parseInstantMs(values.since);
  const until = values.until === undefined ? Infinity : parseInstantMs(values.until);
  if (since === undefined || until === undefined) {
    const [name, text] = since === undefined ? ["since", values.since] : ["until", values.until];
    return { ok: false, message: `--${name} "${text}" is not a time; write it as 2026-12-31T18:00:00Z` };
  }
  const { session, subject, connection, outcome, code } = values;
  const tests: Filter[] = [({ event }) => Number(event["atMs"]) >= since && Number(event["atMs"]) < until];
  if (session !== undefined) tests.push((row) => row.session.startsWith(session));
  if (subject !== undefined) tests.push(({ about }) => holds(about.subject, subject));
  if (connection !== undefined) tests.push(({ about }) => isNamed(about.connection, connection));
  if (outcome !== undefined) tests.push(({ event }) => event["outcome"] === outcome);
  if (code !== undefined) tests.push(({ event }) => event["code"] === code);
  return { ok: true, value: (row) => tests.every((test) => test(row)) };
}

export function holds(text: string, part: string): boolean {
  return text.toLowerCase().includes(part.toLowerCase());
}

function isNamed(connection: string, wanted: string): boolean {
  return connection === wanted || connection.slice(connection.indexOf("/") + 1) === wanted;
}
