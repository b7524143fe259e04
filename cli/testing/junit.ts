/** JUnit XML, in the subset that CI systems agree on. */
import type { CaseResult, SuiteResult, TestReport } from "./report.ts";

export function renderJunit(report: TestReport): string {
  const total = report.passed + report.failed;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="sallyport" tests="${total}" failures="${report.failed}" errors="0">`,
    ...report.suites.flatMap(suite),
    "</testsuites>",
    "",
  ].join("\n");
}

function suite({ name, file, cases }: SuiteResult): string[] {
  const failed = cases.filter((result) => !result.passed).length;
  return [
    `  <testsuite name="${escape(name)}" file="${escape(file)}" tests="${cases.length}" failures="${failed}" errors="0" skipped="0">`,
    ...cases.flatMap((result) => testcase(name, result)),
    "  </testsuite>",
  ];
}

function testcase(suiteName: string, result: CaseResult): string[] {
  const head = `    <testcase classname="${escape(suiteName)}" name="${escape(result.name)}" file="${escape(result.file)}" line="${result.line}"`;
  if (result.passed) return [`${head}/>`];
  const text = result.mismatches
    .map(({ field, expected, actual }) => `${field}: expected ${expected}, got ${actual}`)
    .join("\n");
  const [first = ""] = text.split("\n");
  return [
    `${head}>`,
    `      <failure message="${escape(first)}" type="expectation">${escape(text)}</failure>`,
    "    </testcase>",
  ];
}

/** XML 1.0 has no way at all to write most control characters, not even as entities. */
function escape(text: string): string {
  return text
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, "\u{fffd}")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("\n", "&#10;");
}
