/** README.md lists every trap, and what it says proves one is there. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const HERE = "test/traps";
const TRAPS = [...Array.from({ length: 24 }, (_, index) => String(index + 1)), "origin"];

interface Row {
  readonly trap: string;
  readonly what: string;
  readonly proofs: readonly { readonly file: string; readonly titles: readonly string[] }[];
}

const textOf = (file: string): string => readFileSync(`${ROOT}/${file}`, "utf8");

function rowsOf(page: string): Row[] {
  const rows = page.matchAll(/^\| (\d+|origin) \| (.+?) \| (.+) \|$/gm);
  return [...rows].map(([, trap = "", what = "", proved = ""]) => ({
    trap,
    what,
    proofs: proved.split("; ").map((proof) => {
      const path = /^`([^`]+)`/.exec(proof)?.[1] ?? "";
      const titles = [...proof.matchAll(/\*([^*]+)\*/g)].map(([, title = ""]) => title);
      return { file: path.startsWith("live/") ? `${HERE}/${path}` : path, titles };
    }),
  }));
}

/** The traps that the titles in a file begin with. */
function trapsIn(file: string): Set<string> {
  return new Set([...textOf(file).matchAll(/\btest\("trap (\d+|origin): /g)].map(([, trap = ""]) => trap));
}

const rows = rowsOf(textOf(`${HERE}/README.md`));

test("every trap has one row, in order", () => {
  assert.deepEqual(
    rows.map(({ trap }) => trap),
    TRAPS,
  );
  assert.equal(new Set(rows.map(({ what }) => what)).size, TRAPS.length);
});

test("what a row names proves its trap", () => {
  for (const { trap, proofs } of rows)
    for (const { file, titles } of proofs) {
      assert.ok(existsSync(`${ROOT}/${file}`), `${trap}: there is no ${file}`);
      if (file.startsWith(HERE)) assert.ok(trapsIn(file).has(trap), `${file} has no test of trap ${trap}`);
      const source = textOf(file);
      // A title, or the name of a case that makes one.
      for (const title of titles) assert.ok(source.includes(`"${title}"`), `${file} has no test "${title}"`);
    }
});

test("every test here belongs to a row that names its file", () => {
  for (const file of globSync("live/*.ts", { cwd: `${ROOT}/${HERE}` }).map((name) => `${HERE}/${name}`))
    for (const trap of trapsIn(file)) {
      const row = rows.find((each) => each.trap === trap);
      assert.ok(
        row?.proofs.some((proof) => proof.file === file),
        `the row of trap ${trap} does not name ${file}`,
      );
    }
});

test("a row that is missing, or names what is not there, is noticed", () => {
  const page = textOf(`${HERE}/README.md`);
  assert.equal(rowsOf(page.replace(/^\| 13 .*\n/m, "")).length, TRAPS.length - 1);
  const [row] = rowsOf(
    "| 7 | what | `live/startup.ts`; `test/postgres/x.test.ts`: *one*, *two, and three* |",
  );
  assert.deepEqual(row?.proofs, [
    { file: "test/traps/live/startup.ts", titles: [] },
    { file: "test/postgres/x.test.ts", titles: ["one", "two, and three"] },
  ]);
});
