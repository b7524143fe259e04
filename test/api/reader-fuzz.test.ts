/** Whatever a file holds, the reader answers with findings, never with a throw, and never loses a policy in silence. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { loadAll } from "js-yaml";
import { formatDiagnostic } from "#core/api/format.ts";
import { loadKinds } from "#core/api/load.ts";
import type { Loaded } from "#core/api/loaded.ts";
import { fuzzRuns, fuzzSeed } from "../support/fuzz.ts";

const SAMPLES = join(import.meta.dirname, "../../crds/samples");
const sampleText = (name: string): string => readFileSync(join(SAMPLES, name), "utf8");
const POLICY = sampleText("policy-readers.yaml");
const ALL = ["policy-readers.yaml", "guardrail.yaml", "connection-minted.yaml", "local/policy-test.yaml"].map(
  sampleText,
);

const WORDS = [
  ..."\n\n\n  ?!&*[]{},:|>%@`'\"#\t\\-~<0".split(""),
  ..."- |: |? |---\n|...\n|<<: |&a |*a |!!str |!t |%YAML 1.2\n|null|true|no|0777|1e3|\ufeff|\u2028|\u0000|é|😀|__proto__: ".split(
    "|",
  ),
  "apiVersion: sallyport.dev/v1alpha1\n",
  "kind: SecretAccessPolicy\n",
  "kind: Connection\n",
  "metadata: {name: a, namespace: b}\n",
  "spec:\n",
  "  connections: {names: [a]}\n",
  "  limits: {rows: 1}\n",
  "  subjects: [{namespace: a}]\n",
];
const yamlish = fc.array(fc.constantFrom(...WORDS), { maxLength: 60 }).map((words) => words.join(""));
const bytes = fc.uint8Array({ maxLength: 200 }).map((held) => Buffer.from(held).toString("latin1"));
const anyText = fc.oneof(yamlish, bytes, fc.string({ unit: "binary", maxLength: 200 }));

type Mutation = (lines: readonly string[], at: number, word: string) => readonly string[];
const mutations: readonly Mutation[] = [
  (lines, at) => lines.toSpliced(at, 1),
  (lines, at) => lines.toSpliced(at, 0, lines[at] ?? ""),
  (lines, at, word) => lines.toSpliced(at, 1, `${lines[at] ?? ""}${word}`),
  (lines, at, word) => lines.toSpliced(at, 1, `${word}${lines[at] ?? ""}`),
  (lines, at) => lines.toSpliced(at, 1, ` ${lines[at] ?? ""}`),
  (lines, at) => lines.toSpliced(at, 1, (lines[at] ?? "").slice(0, -1)),
  (lines, at, word) => lines.toSpliced(at, 1, (lines[at] ?? "").replace(/[a-z]+/, word)),
  (lines, at) => [...lines.slice(at), ...lines.slice(0, at)],
];
function mutated(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const step = fc.tuple(fc.constantFrom(...mutations), fc.nat(), fc.constantFrom(...WORDS));
  return fc
    .tuple(text, fc.array(step, { minLength: 1, maxLength: 4 }))
    .map(([whole, steps]) =>
      steps
        .reduce<readonly string[]>(
          (lines, [mutate, at, word]) => mutate(lines, at % Math.max(1, lines.length), word),
          whole.split("\n"),
        )
        .join("\n"),
    );
}

function read(text: string): Loaded {
  const loaded = loadKinds([{ path: "file.yaml", text }]);
  const lines = text.replace(/^\ufeff/, "").split(/\r\n|\r|\n/);
  for (const finding of loaded.diagnostics) {
    const { line, column, code, message } = finding;
    assert.ok(line >= 1 && line <= lines.length, `line ${line} of ${lines.length}`);
    assert.ok(
      column >= 1 && column <= (lines[line - 1] ?? "").length + 1,
      `column ${column} in line ${line}`,
    );
    assert.match(code, /^[A-Z][A-Z0-9_]+$/);
    assert.notEqual(message, "");
    const printed = formatDiagnostic(finding, text);
    assert.doesNotMatch(printed.replaceAll("\n", ""), /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e]/u);
  }
  return loaded;
}

const hasError = ({ diagnostics }: Loaded): boolean =>
  diagnostics.some(({ severity }) => severity === "error");

let runs = 0;
function counted(defaultRuns: number): { numRuns: number } {
  const numRuns = fuzzRuns(defaultRuns);
  runs += numRuns;
  return { numRuns, ...fuzzSeed() };
}

test("any text is answered with findings", () => {
  fc.assert(
    fc.property(anyText, (text) => void read(text)),
    counted(1_000),
  );
});

test("any change to a valid file is answered with findings", () => {
  const property = fc.property(mutated(fc.constantFrom(...ALL)), (text) => void read(text));
  fc.assert(property, counted(700));
});

test("a policy that is edited stays a policy, good or broken", () => {
  const property = fc.property(mutated(fc.constant(POLICY)), (text) => {
    // Whoever writes another kind of ours above it means that; reach.test.ts has what is left then.
    fc.pre(!text.includes("kind: Connection"));
    const loaded = read(text);
    const foreign = loaded.diagnostics.some(({ code }) => code === "FOREIGN_OBJECT");
    assert.ok(foreign || loaded.policies.length > 0, text);
    if (!foreign && hasError(loaded)) assert.ok(loaded.policies.some(({ state }) => state === "broken"));
  });
  fc.assert(property, counted(700));
});

test("what is read without an error is what any YAML reader reads", () => {
  const property = fc.property(mutated(fc.constant(POLICY)), (text) => {
    const loaded = read(text);
    if (hasError(loaded) || loaded.policies.length !== 1) return;
    const [whole] = loadAll(text).filter((document) => document !== null && document !== undefined);
    const again = loadKinds([{ path: "file.json", text: JSON.stringify(whole) }]);
    const objects = [loaded, again].map(
      ({ policies: [source] }) => source?.state === "good" && source.policy,
    );
    assert.deepEqual(objects[1], objects[0]);
  });
  fc.assert(property, counted(700));
});

test("these are enough runs to mean something", (t) => {
  t.diagnostic(`figure kinds.fuzz-runs=${runs}`);
  assert.ok(runs >= 3_000, `${runs} runs`);
});

test("a file of the largest size is answered within a second or two, whatever it repeats", () => {
  const repeated = [
    "[",
    "{a: ",
    "- ",
    "? ",
    "a: b\n",
    "x: {y: [z]}\n",
    "'",
    '"\\n',
    "&a ",
    "*a ",
    "# c\n",
    "---\n",
    "a\n",
    "- - - - a\n",
    "|\n a\n",
    "é",
  ];
  const head =
    "apiVersion: sallyport.dev/v1alpha1\nkind: Connection\nmetadata: {name: a, namespace: b}\nspec:\n";
  const unknown = Array.from({ length: 60_000 }, (_, index) => `  f${index}: 1\n`).join("");
  const texts = repeated.map((word) => word.repeat(Math.floor(1_048_576 / word.length)));
  for (const text of [...texts, head + unknown, head + repeated.join("").repeat(10_000)]) {
    const started = performance.now();
    const { diagnostics } = loadKinds([{ path: "file.yaml", text }]);
    const took = performance.now() - started;
    assert.ok(took < 5_000, `${took} ms for ${JSON.stringify(text.slice(0, 20))}`);
    assert.ok(diagnostics.length <= 256 * 202);
  }
});
