/** An explanation for people: the verdict first, then the reasons in the order in which one asks for them. */
import { say } from "#core/policy/protocols/kubernetes/words.ts";
import { statementsOf } from "#core/policy/protocols/postgres/request.ts";
import type { ColumnMask, Decision, DecisionCode, Limits, Outcome, RuleRef } from "#core/policy/decision.ts";
import type { DemandExplanation, Explanation, LinkExplanation, RuleNote } from "#core/policy/explain.ts";
import { type Paint, printable, type Style } from "../frame/paint.ts";
import { columns, wrap } from "../frame/text.ts";
import { instantText } from "../frame/time.ts";
import { placeOfRule, placeText } from "../rules.ts";
import type { Answer } from "./answer.ts";
import { statementRows } from "./statement-words.ts";
import { writeAncestor, writeSubject } from "./subject.ts";

export function renderAnswer(answer: Answer, paint: Paint): string {
  const { explanation } = answer;
  const sections = [
    verdictSection(explanation.decision, paint),
    questionSection(answer),
    decidingSection(answer, paint),
    section("Closed by", closedLines(explanation), paint),
    section("What it does", requestLines(answer), paint),
    ...explanation.links.map((link) => section(linkTitle(link), linkLines(link, answer, paint), paint)),
    section("On what passes", obligationLines(explanation.decision), paint),
    section("In observe mode", observationLines(explanation.decision, paint), paint),
    section("Policies that take no part", bystanderLines(explanation), paint),
    wrap(paint("dim", assumption(answer)), WIDTH),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

const WIDTH = 100;

const OUTCOME_STYLES = { allow: "green", ask: "yellow", deny: "red" } as const satisfies Record<
  Outcome,
  Style
>;

function verdictSection({ outcome, code, publicText }: Decision, paint: Paint): string[] {
  const verdict = paint("bold", paint(OUTCOME_STYLES[outcome], outcome.toUpperCase()));
  return [`${verdict}  ${code}`, ...wrap(printable(publicText), WIDTH - 2).map((line) => `  ${line}`)];
}

function questionSection({ question, isTimeGiven, explanation, nearestConnection }: Answer): string[] {
  const { caller, connection, nowMs } = question;
  const { validUntilMs } = explanation.decision;
  const name = `${connection.namespace}/${connection.name}`;
  return columns(
    [
      ["who", writeSubject(caller.identity)],
      ...caller.ancestors.map((ancestor, index) => [index === 0 ? "child of" : "", writeAncestor(ancestor)]),
      ["connection", nearestConnection === undefined ? name : `${name}; did you mean ${nearestConnection}?`],
      ...(isTimeGiven ? [["at", instantText(nowMs)]] : []),
      ...(Number.isFinite(validUntilMs) ? [["until", instantText(validUntilMs)]] : []),
    ].map((row) => row.map(printable)),
  );
}

function decidingSection(answer: Answer, paint: Paint): string[] {
  const { by } = answer.explanation.decision;
  return by === undefined ? [] : section("Decided by", [`  ${ruleText(by, answer, paint)}`], paint);
}

function requestLines({ question, request }: Answer): string[] {
  if (request.protocol === "kubernetes" && request.acts.length > 0)
    return request.acts.map((act) => `  ${printable(say(act))}`);
  if (question.statement === undefined) return ["  opens a session; no statement was given"];
  const statements = statementsOf(request);
  if (statements.length === 0) return ["  nothing: there is no statement in the text"];
  const rows = statements.flatMap((statement, index): string[][] => {
    const does = statementRows(statement);
    const shown = does.length === 0 ? [[statement.class, "nothing that needs a permission", ""]] : does;
    return shown.map((row, line) =>
      statements.length === 1 ? [...row] : [line === 0 ? `${index + 1}.` : "", ...row],
    );
  });
  return columns(rows.map((row) => row.map(printable)));
}

function linkTitle({ role, who }: LinkExplanation): string {
  return role === "uses" ? "Rules" : `What ${printable(who)} may hand on`;
}

function linkLines(link: LinkExplanation, answer: Answer, paint: Paint): string[] {
  if (link.enforcing.length === 0) return ["  no policy in force selects it here"];
  return link.demands.flatMap((demand) => demandLines(demand, answer, paint));
}

function demandLines(demand: DemandExplanation, answer: Answer, paint: Paint): string[] {
  const { coveredBy, metBy, cameClose } = demand;
  const { by } = answer.explanation.decision;
  const covered = coveredBy.length > 0;
  // Where no rule allows it anyway, a rule that is merely met stands in nobody's way.
  const met = covered
    ? metBy
    : metBy.filter(({ rule }) => rule.policy === by?.policy && rule.rule === by.rule);
  const mark = covered ? (met.length > 0 ? paint("yellow", "!") : paint("green", "✓")) : paint("red", "✗");
  const note = (label: string, { rule, why }: RuleNote): string[] => [
    `      ${paint("dim", label)} ${ruleText(rule, answer, paint)}`,
    ...wrap(printable(why), WIDTH - 10).map((line) => `          ${line}`),
  ];
  return [
    `  ${mark} ${printable(demand.demand)}${covered ? "" : paint("dim", "  no rule allows it")}`,
    ...coveredBy
      .slice(0, SHOWN_MAX)
      .map((rule) => `      ${paint("dim", "by")} ${ruleText(rule, answer, paint)}`),
    ...met.slice(0, SHOWN_MAX).flatMap((each) => note("but", each)),
    ...(covered ? [] : cameClose.slice(0, SHOWN_MAX).flatMap((each) => note("near", each))),
  ];
}

/** The nearest ones teach something; JSON has all of them. */
const SHOWN_MAX = 5;

function obligationLines({ obligations: { mask, limits, whenParentEnds }, outcome }: Decision): string[] {
  if (outcome === "deny") return [];
  const rows = [
    ...mask.map((column) => ["mask", maskText(column), column.action]),
    ...Object.entries(limits).map(([name, number]) => [
      "limit",
      LIMIT_WORDS[name as keyof Limits],
      String(number),
    ]),
    ...(whenParentEnds === "end" ? [["session", "ends with its parent", ""]] : []),
  ];
  return columns(rows.map((row) => row.map(printable)));
}

const LIMIT_WORDS = {
  rows: "rows in a session",
  bytes: "bytes of results in a session",
  statements: "statements in a session",
  sessionSeconds: "seconds for a session",
  concurrentSessions: "sessions at a time",
} as const satisfies Record<keyof Limits, string>;

function maskText({ schema, table, column }: ColumnMask): string {
  return `${schema}.${table}.${column}`;
}

function observationLines({ observations }: Decision, paint: Paint): string[] {
  return observations.map(({ policy, outcome, rule }) => {
    const verdict = paint(OUTCOME_STYLES[outcome], outcome);
    return `  ${printable(policy)} would ${verdict}${rule === undefined ? "" : `, by ${rule.effect} rule ${printable(rule.rule)}`}`;
  });
}

/** Of interest where somebody looks for a right: a guardrail for others never gives one, and neither does any policy here. */
function bystanderLines({ decision, notSelecting, notSelectingOmitted }: Explanation): string[] {
  if (!RIGHT_IS_MISSING.has(decision.code)) return [];
  const grants = notSelecting.filter(({ policy }) => policy.startsWith("SecretAccessPolicy "));
  const shown = grants.slice(0, SHOWN_MAX);
  const omitted = grants.length - shown.length + notSelectingOmitted;
  return [
    ...shown.flatMap(({ policy, why }) => [
      `  ${printable(policy)}`,
      ...why.flatMap((reason) => wrap(printable(reason), WIDTH - 6).map((line) => `      ${line}`)),
    ]),
    ...(omitted > 0 ? [`  and ${omitted} more`] : []),
  ];
}

const RIGHT_IS_MISSING: ReadonlySet<DecisionCode> = new Set([
  "DENY_NO_POLICY",
  "DENY_NO_RULE",
  "DENY_NOT_DELEGATED",
]);

function closedLines({ closedBy }: Explanation): string[] {
  return closedBy.flatMap(({ policy, origin, problems }) => [
    `  ${printable(policy)}${policy === origin ? "" : `, ${printable(origin)}`}`,
    ...problems
      .slice(0, SHOWN_MAX)
      .map(({ path, message }) => `      ${printable(path === "" ? message : `${path}: ${message}`)}`),
  ]);
}

function assumption({ question: { serverVersion, searchPath, statement, request } }: Answer): string {
  if (request !== undefined)
    return "This is what policies say. The API server asks RBAC beside them, and that is not asked here.";
  if (statement === undefined) return "No statement was given, so this is only about opening a session.";
  return (
    `Assuming a stock PostgreSQL ${serverVersion} catalog and search_path ${searchPath.join(", ") || "(empty)"}. ` +
    "The gateway asks the live database instead."
  );
}

function ruleText(rule: RuleRef, { configuration }: Answer, paint: Paint): string {
  const place = placeOfRule(rule, configuration);
  const owner = rule.namespace === undefined ? rule.policy : `${rule.namespace}/${rule.policy}`;
  const name = `${rule.effect} ${printable(owner)}/${printable(rule.rule)}`;
  return place === undefined ? name : `${name}  ${paint("dim", printable(placeText(place)))}`;
}

function section(title: string, lines: readonly string[], paint: Paint): string[] {
  return lines.length === 0 ? [] : [paint("bold", title), ...lines];
}
