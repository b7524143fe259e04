/** A broken policy never opens anything: what is left of it says what it closes, and a doubt only ever widens that. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type KindFile, loadKinds } from "#core/api/load.ts";
import type { PolicySource, Reach } from "#core/api/loaded.ts";

const POLICY = `apiVersion: sallyport.dev/v1alpha1
kind: SecretAccessPolicy
metadata:
  name: readers
  namespace: prod
spec:
  subjects:
    - namespace: agents
  connections:
    names: [orders, invoices]
  limits:
    rows: 10
`;
const CLUSTER: Reach = { scope: "cluster" };
const NAMESPACE: Reach = { scope: "namespace", namespace: "prod" };
const NAMES: Reach = { scope: "names", namespace: "prod", names: ["orders", "invoices"] };

function sources(text: string): readonly PolicySource[] {
  return loadKinds([{ path: "file.yaml", text }]).policies;
}

function edited(from: string | RegExp, to: string): string {
  const text = POLICY.replace(from, to);
  assert.notEqual(text, POLICY, "the edit changes something");
  return text;
}

test("the policy is good as it stands", () => {
  assert.deepEqual(
    sources(POLICY).map(({ state }) => state),
    ["good"],
  );
});

const BROKEN: readonly (readonly [string, string, Reach])[] = [
  ["a fault beside the selectors keeps them", edited("rows: 10", "rows: 0"), NAMES],
  ["an unknown field in spec keeps them", edited("limits:", "priority: 1\n  limits:"), NAMES],
  ["a policy that says nothing keeps them", edited(/ {2}limits:\n.*\n/, ""), NAMES],
  ["a fault in a subject keeps them", edited("- namespace: agents", "- {}"), NAMES],
  ["a second name of the policy loses only the name", edited("name: readers", "name: Readers"), NAMES],
  ["a slip in a selector's name closes the namespace", edited("names:", "nmes:"), NAMESPACE],
  ["a slip in the selectors' field closes the namespace", edited("connections:", "conections:"), NAMESPACE],
  [
    "selectors that stand twice close the namespace",
    edited("limits:", "connections: {names: [a]}\n  limits:"),
    NAMESPACE,
  ],
  ["a spec that stands twice closes the namespace", `${POLICY}spec: {}\n`, NAMESPACE],
  ["an odd name among the names closes the namespace", edited("[orders,", "[Orders,"), NAMESPACE],
  ["no names at all close the namespace", edited("[orders, invoices]", "[]"), NAMESPACE],
  ["an alias as selector closes the namespace", edited("[orders, invoices]", "*names"), NAMESPACE],
  [
    "a merge key among the selectors closes the namespace",
    edited("names: [", "<<: {}\n    names: ["),
    NAMESPACE,
  ],
  ["a merge key in spec closes the namespace", edited("subjects:", "<<: {}\n  subjects:"), NAMESPACE],
  ["an anchor on spec closes the namespace", edited("spec:", "spec: &spec"), NAMESPACE],
  [
    "names and labels at once close the namespace",
    edited("names: [", "matchLabels: {a: b}\n    names: ["),
    NAMESPACE,
  ],
  ["no spec closes the namespace", POLICY.replace(/^spec:[\s\S]*/m, ""), NAMESPACE],
  [
    "a syntax error in spec closes the namespace",
    edited("[orders, invoices]", "[orders, invoices"),
    NAMESPACE,
  ],
  ["a syntax error at the end closes the namespace", `${POLICY}\t- x: [\n`, NAMESPACE],
  ["a syntax error behind spec closes the namespace", `${POLICY}status: [\n`, NAMESPACE],
  ["a kind with a slip closes the namespace", edited("SecretAccessPolicy", "SecretAcessPolicy"), NAMESPACE],
  ["no kind closes the namespace", edited("kind: SecretAccessPolicy\n", ""), NAMESPACE],
  [
    "two kinds close the namespace",
    edited("kind: SecretAccessPolicy\n", "kind: Connection\nkind: SecretAccessPolicy\n"),
    NAMESPACE,
  ],
  ["a mistaken kind closes the namespace", edited("kind: SecretAccessPolicy", "kind: Connection"), NAMESPACE],
  ["another version closes the namespace", edited("v1alpha1", "v2"), NAMESPACE],
  ["no namespace closes everything", edited("  namespace: prod\n", ""), CLUSTER],
  ["an odd namespace closes everything", edited("namespace: prod", "namespace: Prod"), CLUSTER],
  [
    "a namespace that stands twice closes everything",
    edited("namespace: prod", "namespace: prod\n  namespace: test"),
    CLUSTER,
  ],
  [
    "metadata that stands twice closes everything",
    `${POLICY}metadata: {name: a, namespace: test}\n`,
    CLUSTER,
  ],
  [
    "metadata after a syntax error closes everything",
    `${edited("[orders,", "[[orders,")}metadata: {namespace: test}\n`,
    CLUSTER,
  ],
  [
    "a syntax error before the namespace closes everything",
    edited("name: readers", "name: [readers"),
    CLUSTER,
  ],
  ["text instead of an object closes everything", "policy\n", CLUSTER],
  ["a NUL in the file closes everything", `${POLICY}\0`, CLUSTER],
  ["the cluster-wide kind closes everything", edited("kind: Secret", "kind: ClusterSecret"), CLUSTER],
];

for (const [title, text, reach] of BROKEN) {
  test(title, () => {
    const found = sources(text);
    assert.deepEqual(
      found.map((source) => (source.state === "broken" ? source.reach : "good")),
      [reach],
    );
    assert.ok(found.every((source) => source.state === "broken" && source.diagnostics.length > 0));
  });
}

test("labels are kept as names are, and lost as names are", () => {
  const labels = POLICY.replace("names: [orders, invoices]", "matchLabels: {tier: a}").replace(
    "rows: 10",
    "rows: 0",
  );
  const [kept] = sources(labels);
  assert.ok(kept?.state === "broken" && kept.reach.scope === "labels");
  assert.deepEqual({ ...kept.reach.matchLabels }, { tier: "a" });
  const [lost] = sources(labels.replace("tier: a", "tier: [a]"));
  assert.deepEqual(lost?.state === "broken" && lost.reach, NAMESPACE);
});

test("a broken policy is known by its id as long as name and namespace can be read", () => {
  const [known] = sources(edited("rows: 10", "rows: 0"));
  assert.deepEqual(known?.state === "broken" && known.id, {
    kind: "SecretAccessPolicy",
    namespace: "prod",
    name: "readers",
  });
  const [head] = sources(edited("rows: 10", "rows: [10"));
  assert.deepEqual(head?.state === "broken" && head.id, known?.state === "broken" && known.id);
  const [unknown] = sources(edited("name: readers", "name: 7"));
  assert.equal(unknown?.state === "broken" && unknown.id, undefined);
});

test("a file that cannot be read may have been a policy for anything", () => {
  const files: readonly KindFile[] = [{ path: "a.yaml", problem: "EACCES" }];
  const { policies, diagnostics } = loadKinds(files);
  assert.deepEqual(policies, [{ state: "broken", origin: "a.yaml", reach: CLUSTER, diagnostics }]);
  assert.deepEqual(
    diagnostics.map(({ code, message }) => [code, message]),
    [["UNREADABLE_FILE", "the file cannot be read: EACCES"]],
  );
});

test("one document's syntax error leaves its neighbours as they are", () => {
  const text = `${POLICY}---\n${POLICY.replace("readers", "writers").replace("[orders,", "[[orders,")}---\n${POLICY.replace("readers", "others")}`;
  assert.deepEqual(
    sources(text).map(({ state, origin }) => [state, origin]),
    [
      ["good", "file.yaml"],
      ["broken", "file.yaml"],
      ["good", "file.yaml"],
    ],
  );
});

test("what is certainly no policy closes nothing", () => {
  const connection =
    "apiVersion: sallyport.dev/v1alpha1\nkind: Connection\nmetadata: {name: a, namespace: b}\nspec: {}\n";
  const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\ndata: {}\n";
  for (const text of [
    connection,
    configMap,
    `${connection.replace("{}", "[")}`,
    "# only a comment\n---\n...\n",
    "",
  ]) {
    assert.deepEqual(sources(text), []);
  }
});

test("another kind is taken for a mistaken policy by its rules, not by one stray field", () => {
  const connection = (stray: string): string =>
    `apiVersion: sallyport.dev/v1alpha1\nkind: Connection\nmetadata: {name: a, namespace: prod}\nspec: {${stray}}\n`;
  for (const stray of ["limits: {rows: 1}", "expires: x", "mode: enforce"]) {
    assert.deepEqual(sources(connection(stray)), [], stray);
  }
  for (const stray of ["deny: []", "mask: []", "limits: {rows: 1}, subjects: []"]) {
    const [source] = sources(connection(stray));
    assert.deepEqual(source?.state === "broken" && source.reach, NAMESPACE, stray);
  }
});

test("a List may hold policies, so it closes everything", () => {
  const [source] = sources("apiVersion: v1\nkind: List\nitems: []\n");
  assert.deepEqual(source?.state === "broken" && source.reach, CLUSTER);
});
