import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { LINTS } from "#core/policy/lint/index.ts";
import { DECISION_CODES } from "#core/policy/decision.ts";
import { DOUBT_CODES, STATEMENT_VERBS } from "#core/statements/postgres/facts.ts";
import { READABLE_SETTINGS } from "#core/statements/postgres/readable-settings.ts";
import { SETTABLE_SETTINGS } from "#core/statements/postgres/settings.ts";
import { openAnalyst } from "#sidecar/statements/analyst.ts";
import { ASKING_OPTIONS } from "#cli/cluster/asking.ts";
import { clusterCommands } from "#cli/cluster/commands.ts";
import { commands } from "#cli/commands.ts";
import { contextOf } from "#cli/asking.ts";
import { ROOT } from "./harness.ts";

const language = page("docs/policy-language.md");
const commandLine = page("docs/command-line.md");

function page(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** The rows of the table that stands under a heading or a comment. */
function tableAfter(text: string, mark: string): readonly (readonly string[])[] {
  const start = text.indexOf(mark);
  assert.ok(start >= 0, `${mark} is not there`);
  const lines = text.slice(start).split("\n");
  const first = lines.findIndex((line) => line.startsWith("|"));
  const rows = lines.slice(first + 2);
  return rows
    .slice(
      0,
      rows.findIndex((line) => !line.startsWith("|")),
    )
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** The words in code quotes of the paragraph that stands under a comment. */
function wordsAfter(text: string, mark: string): readonly string[] {
  const start = text.indexOf("-->", text.indexOf(mark));
  const [paragraph = ""] = text.slice(start + 4).split("\n\n");
  return Array.from(paragraph.matchAll(/`([^`]+)`/g), ([, word = ""]) => word);
}

const unquoted = (cell: string | undefined): string => (cell ?? "").replaceAll("`", "");

describe("docs/policy-language.md", () => {
  test("lists every decision code with its text", () => {
    const rows = tableAfter(language, "<!-- codes:").map(([code, text]) => [unquoted(code), text]);
    assert.deepEqual(rows, Object.entries(DECISION_CODES));
  });

  test("lists every doubt", () => {
    const rows = tableAfter(language, "<!-- doubts:").map(([code]) => unquoted(code));
    assert.deepEqual(rows, [...DOUBT_CODES]);
  });

  test("lists the settings that a session may set, and those that it may see", () => {
    assert.deepEqual(wordsAfter(language, "<!-- settable:"), SETTABLE_SETTINGS);
    assert.deepEqual(wordsAfter(language, "<!-- readable:"), READABLE_SETTINGS);
  });

  const statements = tableAfter(language, "<!-- statements:");

  test("lists everything that `statements` may name", () => {
    assert.deepEqual(
      statements.map(([verb]) => unquoted(verb)),
      [...STATEMENT_VERBS],
    );
  });

  const analyst = openAnalyst();
  after(() => analyst[Symbol.asyncDispose]());
  for (const [cell, examples] of statements) {
    const verb = unquoted(cell);
    for (const example of (examples ?? "").split(" · ").map(unquoted)) {
      test(`${example} needs ${verb}`, async () => {
        const context = contextOf({ searchPath: ["public"], serverVersion: 18 });
        const request = await analyst.analyse(example, context);
        const verbs = request.statements.flatMap(({ accesses }) =>
          accesses.map((access) => access.verb as string),
        );
        assert.ok(verbs.includes(verb), verbs.join(", "));
      });
    }
  }
});

describe("docs/command-line.md", () => {
  test("lists every warning with its title", () => {
    const rows = tableAfter(commandLine, "<!-- warnings:").map(([code, title]) => [unquoted(code), title]);
    assert.deepEqual(
      rows,
      Object.entries(LINTS).map(([code, { title }]) => [code, title]),
    );
  });

  const shared = Object.keys(ASKING_OPTIONS);
  for (const [name, { options }] of Object.entries(clusterCommands)) {
    test(`tells of every option of kubectl sallyport ${name}`, () => {
      const rest = commandLine.slice(commandLine.indexOf("\n## kubectl sallyport\n"));
      for (const option of shared) assert.ok(rest.includes(`--${option}`), `--${option} is not there`);
      const from = rest.slice(rest.indexOf(`\n### kubectl sallyport ${name}\n`) + 1);
      const end = from.indexOf("\n### ");
      const section = end < 0 ? from : from.slice(0, end);
      for (const option of Object.keys(options).filter((each) => !shared.includes(each)))
        assert.ok(section.includes(`--${option}`), `--${option} of ${name} is not there`);
    });
  }

  for (const [name, { options }] of Object.entries(commands)) {
    test(`tells of every option of ${name}`, () => {
      const rest = commandLine.slice(commandLine.indexOf(`\n## sallyport ${name}\n`) + 1);
      const section = rest.slice(0, rest.indexOf("\n## "));
      for (const option of Object.keys(options)) {
        assert.ok(section.includes(`--${option}`), `--${option} of ${name} is not there`);
      }
    });
  }
});
