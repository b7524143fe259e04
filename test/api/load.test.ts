/** What comes out of files that belong together: objects, defaults, duplicates, names that mean nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { collectFindings, positions } from "#core/api/findings.ts";
import { crossCheck } from "#core/api/cross-check.ts";
import type { ReadDocument } from "#core/api/document.ts";
import { cutDocuments } from "#core/api/documents.ts";
import { loadKinds } from "#core/api/load.ts";
import type { Located } from "#core/api/located.ts";
import { validate } from "#core/api/validate.ts";

const HEAD = "apiVersion: sallyport.dev/v1alpha1\n";
const connection = (name: string): string =>
  `${HEAD}kind: Connection\nmetadata: {name: ${name}, namespace: prod}\nspec:\n  protocol: postgres\n  address: {host: db, port: 5432}\n  credential: {mode: static, source: {env: {name: A}}}\n  postgres: {database: d}\n`;
const policy = (name: string, names = "orders"): string =>
  `${HEAD}kind: SecretAccessPolicy\nmetadata: {name: ${name}, namespace: prod}\nspec:\n  subjects: [{namespace: a}]\n  connections: {names: [${names}]}\n  deny: [{name: d, postgres: {}}]\n  mask: [{postgres: {columns: ["*.*.ssn"]}}]\n`;

test("defaults are filled in as the API server fills them in, and nothing else is added", () => {
  const text = policy("p").replace(
    "deny: [{name: d, postgres: {}}]",
    "allow: [{name: a, postgres: {preset: readOnly}}]",
  );
  const [source] = loadKinds([
    { path: "a.yaml", text: connection("orders") },
    { path: "b.yaml", text },
  ]).policies;
  assert.ok(source?.state === "good");
  assert.deepEqual(source.policy.spec, {
    subjects: [{ namespace: "a" }],
    connections: { names: ["orders"] },
    allow: [{ name: "a", postgres: { preset: "readOnly" }, delegate: "no" }],
    mask: [{ postgres: { columns: ["*.*.ssn"] }, action: "redact" }],
    mode: "enforce",
  });
});

test("one object in two files holds in neither, whatever its kind", () => {
  const twice = (text: string) =>
    loadKinds([
      { path: "a.yaml", text },
      { path: "b.yaml", text },
    ]);
  const policies = twice(policy("p"));
  assert.deepEqual(
    policies.policies.map(
      (source) =>
        source.state === "broken" && [
          source.origin,
          source.reach,
          source.diagnostics.map(({ code }) => code),
        ],
    ),
    ["a.yaml", "b.yaml"].map((origin) => [
      origin,
      { scope: "names", namespace: "prod", names: ["orders"] },
      ["DUPLICATE_OBJECT"],
    ]),
  );
  assert.deepEqual(
    policies.policies.map((source) => source.state === "broken" && source.id?.name),
    ["p", "p"],
  );
  assert.deepEqual(twice(connection("orders")).connections, []);
  const provider = `${HEAD}kind: IdentityProvider\nmetadata: {name: i}\nspec: {issuer: "https://a", audiences: [a]}\n`;
  assert.deepEqual(twice(provider).identityProviders, []);
  assert.equal(loadKinds([{ path: "a.yaml", text: provider }]).identityProviders.length, 1);
});

test("a broken twin takes the good one down too: nobody can tell which was meant", () => {
  const files = [
    { path: "a.yaml", text: policy("p") },
    { path: "b.yaml", text: policy("p").replace("deny", "denny") },
  ];
  assert.deepEqual(
    loadKinds(files).policies.map(({ state }) => state),
    ["broken", "broken"],
  );
});

test("objects of one name in two namespaces or of two kinds are different objects", () => {
  const text = `${policy("orders")}---\n${policy("orders").replaceAll("prod", "test")}---\n${connection("orders")}`;
  const { policies, connections } = loadKinds([{ path: "a.yaml", text }]);
  assert.deepEqual(
    policies.map(({ state }) => state),
    ["good", "good"],
  );
  assert.equal(connections.length, 1);
});

test("a connection that is broken is not called unknown", () => {
  const broken = connection("orders").replace("5432", "0");
  const { diagnostics } = loadKinds([{ path: "a.yaml", text: `${broken}---\n${policy("p")}` }]);
  assert.deepEqual(
    diagnostics.map(({ code }) => code),
    ["OUT_OF_RANGE"],
  );
});

test("findings come in the order of the files and of their lines", () => {
  const text = policy("p")
    .replace("{namespace: a}", "{}")
    .replace("mask:", "mash:")
    .replace("name: d,", "name: D,");
  const { diagnostics } = loadKinds([
    { path: "b.yaml", text },
    { path: "a.yaml", text: "x" },
  ]);
  assert.deepEqual(
    diagnostics.map(({ file, line }) => [file, line]),
    [
      ["b.yaml", 5],
      ["b.yaml", 7],
      ["b.yaml", 8],
      ["a.yaml", 1],
    ],
  );
});

test("the list of findings ends, and says so", () => {
  const unknown = Array.from({ length: 150 }, (_, index) => `  f${index}: 1\n`).join("");
  const { diagnostics } = loadKinds([
    { path: "a.yaml", text: policy("p") + unknown },
    { path: "b.yaml", text: connection("orders") },
  ]);
  assert.equal(diagnostics.length, 101);
  assert.equal(diagnostics.at(-1)?.message, "more than 100 errors in this document; the rest is not listed");
});

test("keys that are special to JavaScript are ordinary keys", () => {
  const labels = "labels: {constructor: a, toString: b, hasOwnProperty: c}";
  const text = connection("orders").replace("namespace: prod", `namespace: prod, ${labels}`);
  const [found] = loadKinds([{ path: "a.yaml", text }]).connections;
  assert.deepEqual({ ...found?.metadata.labels }, { constructor: "a", toString: "b", hasOwnProperty: "c" });
  const plain = loadKinds([{ path: "a.yaml", text: text.replace("constructor", "tier") }]).connections[0]
    ?.metadata.labels;
  assert.equal(plain?.["valueOf"], undefined);
  loadKinds([{ path: "a.yaml", text: `${text}__proto__: {polluted: 1}\n` }]);
  assert.equal(Reflect.get({}, "polluted"), undefined);
});

test("only a line of three dashes, alone or before a blank, separates documents", () => {
  const cut = (text: string): readonly string[] => {
    const found = cutDocuments(text);
    return "documents" in found ? found.documents.map((document) => document.text) : [found.code];
  };
  assert.deepEqual(cut("a\n---\nb\r\n--- c\n---\n# d\n"), ["a\n", "---\nb\r\n", "--- c\n"]);
  assert.deepEqual(cut("---\na\n---"), ["---\na\n"]);
  for (const whole of ["a\n---b\n", "a: ---\n", "a:\n  ---\n  b\n", "a\n----\n"])
    assert.deepEqual(cut(whole), [whole]);
  assert.deepEqual(cut("a\n---\n".repeat(300)), ["TOO_MANY_DOCUMENTS"]);
  assert.deepEqual(cut("x".repeat(1_048_577)), ["FILE_TOO_LARGE"]);
  assert.deepEqual(cut("a: \ufffd"), ["NOT_UTF8"]);
  assert.deepEqual(cut("a: \ud800"), ["NOT_UTF8"]);
  assert.deepEqual(cut("a: \u202e"), ["HIDDEN_CHARACTER"]);
  for (const lineBreak of ["\u0085", "\u2028", "\u2029"])
    assert.deepEqual(cut(`a: 1 # an innocent remark${lineBreak}b: 2`), ["HIDDEN_CHARACTER"]);
});

test("JSON is read too, with tabs and all", () => {
  const object = {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "ClusterSecretAccessPolicy",
    metadata: { name: "g" },
    spec: { limits: { rows: 10 } },
  };
  const read = (text: string) => loadKinds([{ path: "a.json", text }]).policies.map(({ state }) => state);
  assert.deepEqual(read(JSON.stringify(object, null, "\t")), ["good"]);
  assert.deepEqual(read(JSON.stringify(object).replace('"rows":10', '"rows":10,')), ["good"]);
  assert.deepEqual(read(JSON.stringify(object).slice(0, -1)), ["broken"]);
});

test("a rule that cannot be evaluated refuses", () => {
  const node: Located = { kind: "scalar", start: 0, text: "x", plain: true };
  const check = (rule: string): readonly string[] => {
    const schema = { type: "string", rules: [{ rule, message: "is wrong" }] } as const;
    const findings = collectFindings("a.yaml", () => ({ line: 1, column: 1 }));
    validate(node, schema, ["a"], findings);
    return findings.diagnostics.map(({ message }) => message);
  };
  assert.deepEqual(check("self == 'x'"), []);
  assert.deepEqual(check("self == 'y'"), ["is wrong"]);
  assert.match(check("self.b.c == 1")[0] ?? "", /^is wrong \(the rule cannot be evaluated: .+\)$/);
  assert.match(check("self ==")[0] ?? "", /^is wrong \(the rule cannot be evaluated: .+\)$/);
  assert.deepEqual(check("self"), ["is wrong"]);
});

test("positions count characters, and every kind of line break", () => {
  const at = positions("a😀b\r\nc\rd\ne");
  assert.deepEqual([0, 1, 3, 6, 8, 10].map(at), [
    { line: 1, column: 1 },
    { line: 1, column: 2 },
    { line: 1, column: 3 },
    { line: 2, column: 1 },
    { line: 3, column: 1 },
    { line: 4, column: 1 },
  ]);
});

test("a mark at the start of the file and Windows line ends change nothing", () => {
  const text = policy("p").replace("deny", "denny");
  const places = (content: string) =>
    loadKinds([{ path: "a.yaml", text: content }]).diagnostics.map(({ line, column, code }) => [
      line,
      column,
      code,
    ]);
  assert.deepEqual(places(`\ufeff${text.replaceAll("\n", "\r\n")}`), places(text));
});

test("a rule for a protocol that none of the policy's connections speaks breaks the policy", () => {
  const read = (protocol: string, kind: string, spec: object): ReadDocument => {
    const root: Located = { kind: "map", start: 0, entries: [], damaged: false };
    const findings = collectFindings("a.yaml", () => ({ line: 1, column: 1 }));
    const object = { kind, metadata: { name: protocol, namespace: "prod" }, spec } as unknown as NonNullable<
      ReadDocument["object"]
    >;
    return {
      file: "a.yaml",
      line: 1,
      root,
      object,
      mayBePolicy: false,
      reach: { scope: "cluster" },
      findings,
    };
  };
  const connections = ["postgres", "ssh"].map((protocol) => read(protocol, "Connection", { protocol }));
  const about = (names: readonly string[]): ReadDocument =>
    read("p", "SecretAccessPolicy", {
      subjects: [],
      connections: { names },
      deny: [{ name: "d", postgres: {} }],
    });
  const codes = (names: readonly string[]): readonly string[] => {
    const document = about(names);
    const broken = crossCheck([...connections, document]);
    assert.equal(broken.has(document), document.findings.errors > 0);
    return document.findings.diagnostics
      .filter(({ severity }) => severity === "error")
      .map(({ code }) => code);
  };
  assert.deepEqual(codes(["ssh"]), ["PROTOCOL_MISMATCH"]);
  assert.deepEqual(codes(["postgres"]), []);
  assert.deepEqual(codes(["ssh", "postgres"]), []);
  assert.deepEqual(codes(["ssh", "not-there-yet"]), []);
});
