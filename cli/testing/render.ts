/** A run of policy tests for people: failures in full, the rest in a line each. */
import { type Paint, printable } from "../frame/paint.ts";
import { count, wrap } from "../frame/text.ts";
import type { CaseResult, SuiteResult, TestReport } from "./report.ts";

export interface RenderOptions {
  /** Name the cases that passed too. */
  readonly verbose: boolean;
}

export function renderReport(report: TestReport, { verbose }: RenderOptions, paint: Paint): string {
  const width = Math.max(0, ...report.suites.map(({ name }) => printable(name).length));
  const suites = report.suites.map((suite) => [
    suiteLine(suite, width, paint),
    ...suite.cases.flatMap((result) => caseLines(result, verbose, paint)),
  ]);
  const blocks = [
    ...suites.map((lines, index) => [
      ...lines,
      ...(lines.length > 1 || index === suites.length - 1 ? [""] : []),
    ]),
    [...coverageLines(report, paint), ""],
    [closingLine(report, paint)],
  ];
  return `${blocks.flat().join("\n")}\n`;
}

function suiteLine({ name, file, cases }: SuiteResult, width: number, paint: Paint): string {
  const failed = cases.filter((result) => !result.passed).length;
  const state = failed === 0 ? paint("green", "ok") : paint("red", `${failed} failed`);
  const title = paint("bold", printable(name).padEnd(width));
  return `${title}  ${count(cases.length, "case")}, ${state}  ${paint("dim", printable(file))}`;
}

function caseLines(result: CaseResult, verbose: boolean, paint: Paint): string[] {
  const name = printable(result.name);
  if (result.passed) return verbose ? [`  ${paint("green", "✓")} ${name}`] : [];
  const width = Math.max(...result.mismatches.map(({ field }) => field.length));
  return [
    `  ${paint("red", "✗")} ${paint("bold", name)}  ${paint("dim", `${printable(result.file)}:${result.line}`)}`,
    ...result.mismatches.map(
      ({ field, expected, actual }) =>
        `      ${field.padEnd(width)}  expected ${paint("green", printable(expected))}, got ${paint("red", printable(actual))}`,
    ),
    ...wrap(`the decision says: ${printable(result.publicText)}`, TEXT_WIDTH).map(
      (line) => `      ${paint("dim", line)}`,
    ),
  ];
}

const TEXT_WIDTH = 92;

function coverageLines({ coverage: { rules, exercised, untested } }: TestReport, paint: Paint): string[] {
  const width = Math.max(0, ...untested.map(({ rule }) => rule.length));
  return [
    `${paint("bold", "Rules exercised")}  ${exercised} of ${rules}`,
    ...untested.map(
      ({ rule, effect, file, line }) =>
        `  ${paint("yellow", "never")}  ${effect.padEnd(5)}  ${rule.padEnd(width)}  ${paint("dim", `${printable(file)}:${line}`)}`,
    ),
  ];
}

/** The form that CI systems look for. */
function closingLine({ passed, failed }: TestReport, paint: Paint): string {
  const text = `${passed} passed, ${failed} failed`;
  return paint(failed === 0 ? "green" : "red", text);
}
