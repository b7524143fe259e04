/** What is generated from crds/source is what is committed, stays small with many protocols, and fits its uses. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { load } from "js-yaml";
import { KINDS } from "#core/api/schema.gen.ts";
import { loadKinds } from "#core/api/load.ts";
import { PROTOCOLS } from "#core/api/kinds.gen.ts";
import { DECISION_CODES } from "#core/policy/decision.ts";
import { STATEMENT_VERBS } from "#core/statements/postgres/facts.ts";
import { staleFiles } from "#tools/kinds/generate.ts";
import { generateOutputs } from "#tools/kinds/outputs.ts";
import { type ProtocolSource, type Raw, readSources, type Sources } from "#tools/kinds/sources.ts";
import { readConfigFiles } from "#runtime/config-files.ts";
import { accepts } from "./json-schema.ts";
import { RULE_SAMPLES } from "./rules/samples.ts";
import { wrongFiles } from "./wrong/cases.ts";

const ROOT = join(import.meta.dirname, "../..");
const ASSEMBLED_BYTES_MAX = 200_000;
const sources = readSources(join(ROOT, "crds/source"));
const editorSchema = JSON.parse(readFileSync(join(ROOT, "crds/schema/sallyport.schema.json"), "utf8")) as Raw;

function withProtocols(names: readonly string[]): Sources {
  const [postgres] = sources.protocols;
  assert.ok(postgres !== undefined);
  return { ...sources, protocols: names.map((protocol): ProtocolSource => ({ ...postgres, protocol })) };
}

function withFragment(name: string, fragment: Raw): Sources {
  return { ...sources, fragments: new Map([...sources.fragments, [name, fragment]]) };
}

test("what is committed is what crds/source says", () => {
  assert.deepEqual(staleFiles(ROOT), []);
});

test("the generator's --check says so in its exit code", () => {
  const run = spawnSync(process.execPath, [join(ROOT, "tools/kinds/generate.ts"), "--check"], {
    encoding: "utf8",
  });
  assert.deepEqual([run.status, run.stderr], [0, ""]);
});

test("with nine protocols each assembled file stays below 200 kB", () => {
  const names = ["postgres", "mysql", "http", "ssh", "kubernetes", "redis", "mongodb", "grpc", "kafka"];
  const outputs = generateOutputs(withProtocols(names));
  const assembled = [...outputs].filter(([path]) => path.startsWith("crds/assembled/"));
  assert.equal(assembled.length, 5);
  for (const [path, text] of assembled) {
    const bytes = Buffer.byteLength(text);
    assert.ok(bytes < ASSEMBLED_BYTES_MAX, `${path}: ${bytes} bytes`);
  }
  const policy = outputs.get("crds/assembled/secret-access-policy.yaml") ?? "";
  for (const name of names) assert.ok(policy.includes(`has(self.${name})`), name);
  assert.ok((outputs.get("core/api/schema.gen.ts") ?? "").includes("a case asks in at most one protocol"));
});

test("a keyword, an include or a bound that is wrong stops the generator", () => {
  const host = sources.fragments.get("Host") ?? {};
  const wrong: readonly (readonly [Sources, RegExp])[] = [
    [withFragment("Host", { ...host, maxLenght: 5 }), /unknown schema keyword maxLenght/],
    [withFragment("Host", { ...host, oneOf: [] }), /unknown schema keyword oneOf/],
    [withFragment("Host", { type: "string", description: "A host." }), /no maxLength/],
    [withFragment("Port", { type: "integer", description: "A port." }), /no minimum/],
    [withFragment("PolicyMode", { type: "string", enum: ["enforce"] }), /no description/],
    [withFragment("Port", { type: "number", minimum: 1 }), /type number is none of/],
    [withFragment("Host", { $use: "Hosts" }), /there is no fragment Hosts/],
    [withFragment("Host", { $use: "Host" }), /do fragments use each other/],
    [
      withFragment("Claims", {
        type: "object",
        description: "C",
        additionalProperties: { type: "string", maxLength: 1, description: "V" },
      }),
      /no maxProperties/,
    ],
    [
      withFragment("Reason", {
        type: "array",
        description: "R",
        items: { type: "boolean", description: "B" },
      }),
      /no maxItems/,
    ],
  ];
  for (const [held, message] of wrong) assert.throws(() => generateOutputs(held), { message });
});

test("the vocabulary in the schema is the code's own", () => {
  const words = (path: readonly string[], at: unknown): readonly string[] =>
    path.reduce<unknown>((held, key) => (held as Raw)[key], at) as readonly string[];
  const rule = [
    "properties",
    "deny",
    "items",
    "properties",
    "postgres",
    "properties",
    "statements",
    "items",
    "enum",
  ];
  assert.deepEqual(words(rule, KINDS.SecretAccessPolicy.spec), ["any", ...STATEMENT_VERBS]);
  const code = ["properties", "cases", "items", "properties", "expect", "properties", "code", "enum"];
  assert.deepEqual(words(code, KINDS.PolicyTest.spec).toSorted(), Object.keys(DECISION_CODES).toSorted());
  assert.deepEqual(words(["properties", "protocol", "enum"], KINDS.Connection.spec), PROTOCOLS);
});

test("the samples load without a finding, and there is one of each kind", () => {
  const files = readConfigFiles(join(ROOT, "crds/samples"));
  const loaded = loadKinds(files);
  assert.deepEqual(loaded.diagnostics, []);
  const policies = loaded.policies.flatMap((source) => (source.state === "good" ? [source.policy] : []));
  const { connections, identityProviders, workloadControllers, tests, gateways } = loaded;
  const objects = [
    ...connections,
    ...policies,
    ...identityProviders,
    ...workloadControllers,
    ...tests,
    ...gateways,
  ];
  assert.equal(objects.length, files.length);
  assert.deepEqual(new Set(objects.map(({ kind }) => kind)), new Set(Object.keys(KINDS)));
});

test("the editor's schema accepts the samples and every object that the rules accept", () => {
  const samples = readConfigFiles(join(ROOT, "crds/samples")).map((file) => {
    assert.ok("text" in file);
    return load(file.text);
  });
  const objects = RULE_SAMPLES.map(({ accepted }) => JSON.parse(JSON.stringify(accepted)) as unknown);
  for (const object of [...samples, ...objects])
    assert.ok(accepts(editorSchema, object), JSON.stringify(object));
});

test("the editor's schema refuses what the reader refuses for its shape", () => {
  const codes = [
    "UNKNOWN_FIELD",
    "MISSING_FIELD",
    "WRONG_VALUE",
    "WRONG_FORM",
    "OUT_OF_RANGE",
    "TOO_FEW_ITEMS",
    "UNKNOWN_KIND",
  ];
  const shaped = wrongFiles().filter(({ expected }) => {
    return (
      /^\S+ error (\w+)/.test(expected) &&
      codes.includes(/error (\w+)/.exec(expected)?.[1] ?? "") &&
      !/\n|no such day/.test(expected)
    );
  });
  assert.ok(shaped.length > 50);
  for (const { title, text } of shaped) assert.ok(!accepts(editorSchema, load(text)), title);
});

test("patterns and rules keep to what RE2 and JavaScript read alike", () => {
  const text = JSON.stringify(KINDS);
  const expressions = [
    ...text.matchAll(/"(?:pattern|keyPattern)":"((?:[^"\\]|\\.)*)"/g),
    ...text.matchAll(/matches\('((?:[^'\\]|\\.)*)'\)/g),
  ];
  assert.ok(expressions.length > 10);
  for (const [, expression] of expressions) {
    // Looking around, references back, and an empty or closing bracket first in a class: read differently or not at all.
    assert.doesNotMatch(expression ?? "", /\(\?|\\[1-9bBdDsSwWpPu]|\[\^?\]/);
  }
});
