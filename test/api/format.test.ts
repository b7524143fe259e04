/** What people see of a finding. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Diagnostic } from "#core/api/diagnostic.ts";
import { formatDiagnostic } from "#core/api/format.ts";
import { loadKinds } from "#core/api/load.ts";

const finding: Diagnostic = {
  severity: "error",
  code: "UNKNOWN_FIELD",
  file: "policies/a.yaml",
  line: 2,
  column: 3,
  path: "spec.alow",
  message: 'unknown field "alow"; did you mean "allow"?',
};
const HEAD =
  'policies/a.yaml:2:3: error: spec.alow: unknown field "alow"; did you mean "allow"? [UNKNOWN_FIELD]';

test("without the file's text it is one line", () => {
  assert.equal(formatDiagnostic(finding), HEAD);
  assert.equal(formatDiagnostic({ ...finding, path: "" }), HEAD.replace("spec.alow: ", ""));
});

test("with it, the line stands below with a mark under the place", () => {
  assert.equal(formatDiagnostic(finding, "spec:\n  alow: []\n"), `${HEAD}\n    2 |   alow: []\n      |   ^`);
  assert.equal(
    formatDiagnostic(finding, "\ufeffspec:\r\n\talow: []\r\n"),
    `${HEAD}\n    2 |  alow: []\n      |   ^`,
  );
});

test("a long line is shown around the place", () => {
  const text = `a\n${"x".repeat(500)}HERE${"y".repeat(500)}`;
  const lines = formatDiagnostic({ ...finding, column: 501 }, text).split("\n");
  const column = (lines[2] ?? "").indexOf("^");
  assert.equal((lines[1] ?? "").slice(column, column + 4), "HERE");
  assert.ok((lines[1] ?? "").length < 140);
});

test("nothing in a file or its name reaches the terminal as a command", () => {
  const text = 'apiVersion: "\\e[31mred"\nkind: "\u009b31m\u202e"\n\u001b[2J: 1\n';
  const file = "a\u001b]0;title\u0007.yaml";
  for (const diagnostic of loadKinds([{ path: file, text }]).diagnostics) {
    assert.doesNotMatch(formatDiagnostic(diagnostic, text).replaceAll("\n", ""), /[\p{Cc}\u202e]/u);
  }
});
