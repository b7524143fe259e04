/** The table of the threat model, the files in which threats are fought, and the limits that they show are one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { repositoryFiles, textOf } from "#test/architecture/sources.ts";

/** Written down and not fought: why stands in the page. */
const NOT_FOUGHT = ["T43"];
const THREATS = Array.from({ length: 49 }, (_, index) => `T${index + 1}`);

const files = repositoryFiles(/^test\/bypass\/(?:threats|network|node|support)\/[\w-]+\.ts$/);
const page = textOf("docs/threat-model.md");

interface Fought {
  readonly id: string;
  readonly title: string;
  readonly file: string;
}

const fought: readonly Fought[] = files.flatMap((file) =>
  [...textOf(file).matchAll(/^ {2}id: "(T\d+)",\n {2}title: "(.+)",$/gm)].map(([, id = "", title = ""]) => {
    return { id, title, file: file.replace("test/bypass/", "") };
  }),
);

function rowOf(id: string): string {
  const here = fought.filter((one) => one.id === id);
  const titles = [...new Set(here.map(({ title }) => title))].join("; ");
  return `| ${id} | ${titles} | ${here.map(({ file }) => `\`${file}\``).join(", ")} |`;
}

test("the page has a row for every threat that is fought, with what is tried and where", () => {
  const rows = page.split("\n").filter((line) => /^\| T\d+ \|/.test(line));
  assert.deepEqual(rows, THREATS.filter((id) => !NOT_FOUGHT.includes(id)).map(rowOf));
});

test("the page says of each that is not fought why", () => {
  for (const id of NOT_FOUGHT) {
    assert.ok(!fought.some((one) => one.id === id), `${id} is fought`);
    assert.match(page, new RegExp(`^- \\*\\*${id}\\*\\*`, "m"));
  }
});

test("a file of a network's or a node's is called by its threat, and its tier's table has it", () => {
  for (const tier of ["network", "node"] as const) {
    const index = textOf(`test/bypass/${tier}/index.ts`);
    const own = files.filter((file) => file.startsWith(`test/bypass/${tier}/t`));
    assert.ok(own.length > 3);
    for (const file of own) {
      const [name = "", digits = ""] = /t(\d\d)-[a-z0-9-]+\.ts$/.exec(file) ?? [];
      assert.equal(fought.find((one) => one.file === `${tier}/${name}`)?.id, `T${Number(digits)}`, file);
      assert.ok(index.includes(`from "./${name}";`), file);
    }
  }
});

test("what is not stopped is a limit that users can read of", () => {
  const limits = textOf("docs/limits.md");
  const named = files.flatMap((file) =>
    [...textOf(file).matchAll(/^\s+limit: "(.+)",$/gm)].map(([, name]) => name),
  );
  assert.ok(named.length > 0);
  for (const name of named) assert.ok(limits.includes(`\n| ${name} | `), name);
});
