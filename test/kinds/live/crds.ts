/** The kinds as a real API server takes them: cost, columns, explanations, and the same verdict as our own reader's. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { load } from "js-yaml";
import { loadKinds } from "#core/api/load.ts";
import { KINDS } from "#core/api/schema.gen.ts";
import { isRecord } from "#operator/kube/error.ts";
import { CUSTOM_RESOURCE_DEFINITIONS, type OwnKind } from "#operator/kube/resource.ts";
import { KINDS_IN_CLUSTER } from "#operator/reconcile/controllers.ts";
import { arbitraryOf } from "../../api/arbitrary.ts";
import { RULE_SAMPLES } from "../../api/rules/samples.ts";
import { fuzzRuns, fuzzSeed } from "../../support/fuzz.ts";
import { API_VERSION, connectionObject, tcpObject } from "./objects.ts";
import { type KindOf, type Live, succeed, tryCreate } from "./server.ts";

const ASSEMBLED = "crds/assembled";
const KIND_NAMES = Object.keys(KINDS_IN_CLUSTER) as readonly KindOf[];

export function crdSuite(live: () => Live): void {
  test("every kind is accepted with all its CEL rules 32 times over, and each rule four times as dear", async () => {
    const { kube } = live();
    const call = { signal: AbortSignal.timeout(60_000), dryRun: true };
    const { items } = await kube.list(CUSTOM_RESOURCE_DEFINITIONS, call);
    const ours = items.filter(({ metadata: { name } }) => name.endsWith(".sallyport.dev"));
    assert.equal(ours.length, KIND_NAMES.length);
    for (const crd of ours) {
      assert.match(JSON.stringify(crd), /x-kubernetes-validations/);
      for (const change of [repeated(32), lengthened(4)])
        await kube.update(CUSTOM_RESOURCE_DEFINITIONS, withRules(crd, change) as typeof crd, call);
    }
  });

  test("kubectl lists all kinds by category and by short name, with columns that say something", async () => {
    const { api, kube } = live();
    const namespace = await api.namespace();
    const call = { signal: AbortSignal.timeout(30_000) };
    await kube.create(KINDS_IN_CLUSTER.Connection.resource, connectionObject(namespace, "orders"), call);
    await kube.create(KINDS_IN_CLUSTER.Connection.resource, tcpObject(namespace, "search"), call);
    // Reads anew what the server knows, which kubectl had asked for before there were kinds.
    assert.match(
      await succeed(api, ["api-resources", "--api-group=sallyport.dev"]),
      /connections +conn +sallyport.dev\/v1alpha1 +true +Connection/,
    );
    const all = await succeed(api, ["get", "sallyport", "--namespace", namespace]);
    assert.match(all, /NAME +PROTOCOL +HOST +CREDENTIAL +READY +REASON +AGE/);
    assert.match(all, /connection.sallyport.dev\/orders +postgres +db.example.com +static/);
    for (const shortName of ["conn", "sap", "csap", "idp"]) await succeed(api, ["get", shortName]);
    const wide = await succeed(api, ["get", "conn", "--namespace", namespace, "--output=wide"]);
    assert.match(wide, /search +tcp +search.example.com +9243/);
    const names = ["get", "conn", "--namespace", namespace, "--output=name", "--field-selector"];
    for (const [selector, found] of [
      ["spec.protocol=tcp", "search"],
      ["spec.credential.mode=static", "orders"],
      ["spec.address.host=db.example.com", "orders"],
    ] as const)
      assert.equal(await succeed(api, [...names, selector]), `connection.sallyport.dev/${found}\n`);
    await succeed(api, ["get", "sap,csap", "--field-selector", "spec.mode=observe"]);
    await succeed(api, ["get", "idp", "--field-selector", "spec.issuer=https://idp.example.com"]);
  });

  test("kubectl explain describes every kind and field", async () => {
    const { api } = live();
    for (const kind of KIND_NAMES) {
      const said = await succeed(api, ["explain", kind.toLowerCase(), "--recursive"]);
      assert.doesNotMatch(said, /<empty>/);
      assert.match(said, /status/);
    }
    const mode = await succeed(api, ["explain", "connection.spec.credential.mode"]);
    assert.match(mode, /ENUM:|enum:/);
    assert.match(mode, /one that the broker\s+makes for each session/);
  });

  test("an unknown field is refused by name, and without validation nothing that matters is lost", async () => {
    const { kube } = live();
    const typo = connectionObject("default", "typo", { adress: { host: "x", port: 1 } });
    const { accepted, message } = await tryCreate(kube, typo);
    assert.equal(accepted, false);
    assert.match(message, /unknown field "spec.adress"/);
  });

  test("a field that was right before a rule came does not keep the object from being changed elsewhere", async () => {
    const { api, kube } = live();
    const namespace = await api.namespace();
    const crd = load(readFileSync(`${ASSEMBLED}/connection.yaml`, "utf8")) as object;
    const stricter = JSON.stringify(mapObjects(crd, shortDatabase));
    const { resource } = KINDS_IN_CLUSTER.Connection;
    const call = { signal: AbortSignal.timeout(30_000) };
    await kube.create(resource, connectionObject(namespace, "long"), call);
    try {
      await succeed(api, ["replace", "-f", "-"], stricter);
      const annotate = (value: string): readonly string[] => {
        return ["annotate", "connection", "long", `example.com/n=${value}`, "--overwrite", "-n", namespace];
      };
      await succeed(api, annotate("1"));
      const port = JSON.stringify({ spec: { address: { port: 6432 } } });
      await succeed(api, ["patch", "connection", "long", "--type=merge", "-p", port, "-n", namespace]);
      const changed = JSON.stringify({ spec: { postgres: { database: "ordersagain" } } });
      const words = ["patch", "connection", "long", "--type=merge", "-p", changed, "-n", namespace];
      const { code } = await api.kubectl(words);
      assert.equal(code, 1);
    } finally {
      await succeed(api, ["replace", "-f", `${ASSEMBLED}/connection.yaml`]);
    }
  });

  test("of every CEL rule's samples the API server says what our reader says, in the same words", async (t) => {
    const { kube } = live();
    const samples = RULE_SAMPLES.filter(({ kind }) => kind in KINDS_IN_CLUSTER);
    assert.ok(samples.length > 50);
    await inTurns(samples, async ({ accepted, refused, message }) => {
      assert.deepEqual(await tryCreate(kube, inDefault(accepted)), { accepted: true, message: "" });
      const verdict = await tryCreate(kube, inDefault(refused));
      assert.equal(verdict.accepted, false, `accepted: ${JSON.stringify(refused)}`);
      assert.ok(verdict.message.includes(message), `${verdict.message} does not say: ${message}`);
    });
    t.diagnostic(`figure kinds.rule-samples-on-server=${samples.length * 2}`);
  });

  test("of random objects, right and wrong, the API server and our reader think alike", async (t) => {
    const { kube } = live();
    const counts = { accepted: 0, refused: 0 };
    for (const kind of KIND_NAMES) {
      const objects = fc.sample(objectOf(kind), { numRuns: Math.min(fuzzRuns(40), RUNS_MAX), ...fuzzSeed() });
      await inTurns(objects, async (object) => {
        const verdict = await tryCreate(kube, object);
        const ours = errorsOf(object);
        const told = `${JSON.stringify(object)}\nserver: ${verdict.message || "accepted"}\nreader: ${ours.join("; ")}`;
        assert.equal(ours.length === 0, verdict.accepted, told);
        counts[verdict.accepted ? "accepted" : "refused"] += 1;
      });
    }
    assert.ok(counts.accepted > 10 && counts.refused > 10, JSON.stringify(counts));
    t.diagnostic(`figure kinds.differential-accepted=${counts.accepted}`);
    t.diagnostic(`figure kinds.differential-refused=${counts.refused}`);
  });
}

const RUNS_MAX = 2_000;
const ASKED_AT_ONCE = 16;

async function inTurns<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += ASKED_AT_ONCE)
    await Promise.all(items.slice(at, at + ASKED_AT_ONCE).map(act));
}

function inDefault(object: object): OwnKind {
  const sample = object as OwnKind;
  if (sample.metadata.namespace === undefined) return sample;
  return { ...sample, metadata: { ...sample.metadata, namespace: "default" } };
}

function errorsOf(object: object): readonly string[] {
  const { diagnostics } = loadKinds([{ path: "object", text: JSON.stringify(object) }]);
  return diagnostics
    .filter(({ severity }) => severity === "error")
    .map(({ path, message }) => `${path}: ${message}`);
}

/** Good objects of which half have one field replaced by a random one that fits its schema, and most one thing wrong. */
function objectOf(kind: KindOf): fc.Arbitrary<OwnKind> {
  const { spec: schema, scope } = KINDS[kind];
  const metadata = { name: "sample", ...(scope === "Namespaced" ? { namespace: "default" } : {}) };
  const accepted = RULE_SAMPLES.filter((sample) => sample.kind === kind).map((sample) => sample.accepted);
  return fc
    .tuple(
      fc.constantFrom(...accepted),
      arbitraryOf(schema),
      fc.nat(),
      fc.constantFrom("none", "absent", "odd", "extra"),
    )
    .map(([sample, made, place, wrong]) => {
      const fields = Object.entries(made as object);
      const [name, value] = fields[place % Math.max(1, fields.length)] ?? [];
      const spec: Record<string, unknown> = structuredClone({ ...sample.spec });
      if (name !== undefined && place % 2 === 0) spec[name] = structuredClone(value);
      if (wrong !== "none") spoil(spec, place, wrong);
      return JSON.parse(JSON.stringify({ apiVersion: API_VERSION, kind, metadata, spec })) as OwnKind;
    });
}

function spoil(value: unknown, place: number, change: "absent" | "odd" | "extra"): void {
  const all = recordsIn(value).filter((held) => change === "extra" || Object.keys(held).length > 0);
  const held = all[place % all.length];
  if (held === undefined) return;
  const keys = Object.keys(held);
  const key = keys[place % keys.length] ?? "";
  if (change === "extra") held["surplus"] = 1;
  else if (change === "absent") delete held[key];
  else held[key] = typeof held[key] === "string" ? 7 : "odd";
}

function recordsIn(value: unknown): Record<string, unknown>[] {
  if (Array.isArray(value)) return value.flatMap(recordsIn);
  if (!isRecord(value)) return [];
  return [value, ...Object.values(value).flatMap(recordsIn)];
}

const RULES = "x-kubernetes-validations";

interface CelRule {
  readonly rule: string;
}

function withRules(crd: unknown, change: Change): unknown {
  return mapObjects(crd, (schema) => {
    const rules = schema[RULES];
    return Array.isArray(rules) ? { ...schema, [RULES]: change(rules as readonly CelRule[]) } : schema;
  });
}

/** A rule that comes later: `maxLength` of `spec.postgres.database`. */
function shortDatabase(schema: Schema): Schema {
  const { database } = schema;
  return isRecord(database) && "maxLength" in database
    ? { ...schema, database: { ...database, maxLength: 5 } }
    : schema;
}

type Schema = Readonly<Record<string, unknown>>;

function mapObjects(node: unknown, change: (schema: Schema) => Schema): unknown {
  if (Array.isArray(node)) return node.map((item) => mapObjects(item, change));
  if (!isRecord(node)) return node;
  const changed = change(node);
  return Object.fromEntries(Object.entries(changed).map(([key, value]) => [key, mapObjects(value, change)]));
}

type Change = (rules: readonly CelRule[]) => readonly CelRule[];

function repeated(times: number): Change {
  return (rules) => Array.from({ length: times }, () => rules).flat();
}

function lengthened(times: number): Change {
  const longer = (rule: string): string => Array.from({ length: times }, () => `(${rule})`).join(" && ");
  return (rules) => rules.map((each) => ({ ...each, rule: longer(each.rule) }));
}
