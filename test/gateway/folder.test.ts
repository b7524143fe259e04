/** What a folder of kinds comes to while people edit it. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { folderReader } from "#broker/process/folder.ts";
import { gatewayPlan } from "#broker/process/gateway-kind.ts";
import { type Folders, connection, gateway, listener, makeFolders, policy } from "./support/kinds.ts";

const ambient = { tokenFile: "/run/token" };
const at = (port: number): object =>
  listener({ address: { host: "127.0.0.1", port }, identity: { ambient } });

function folderWith(context: TestContext): Folders {
  const folders = makeFolders();
  context.after(() => folders[Symbol.dispose]());
  folders.write("connection.yaml", connection(5432, "/run/password"));
  folders.write("gateway.yaml", gateway(at(6432)));
  folders.write("policy.yaml", policy());
  return folders;
}

test("a file that is broken keeps its last good Connection, provider and Gateway; its policies have rules of their own", (context) => {
  const folders = folderWith(context);
  const reader = folderReader(folders.config);
  assert.equal(reader.read().loaded.connections.length, 1);
  for (const name of ["connection.yaml", "gateway.yaml", "policy.yaml"])
    writeFileSync(join(folders.config, name), "kind: Nonsense");
  const { loaded } = reader.read();
  assert.deepEqual(
    [loaded.connections.length, loaded.gateways.length, loaded.policies.map(({ state }) => state)],
    [1, 1, ["broken", "broken", "broken"]],
  );
  assert.ok(loaded.diagnostics.some(({ severity }) => severity === "error"));
  // Broken twice is still the last good one; mended is the new one.
  assert.equal(reader.read().loaded.connections.length, 1);
  folders.write("connection.yaml", connection(5433, "/run/password"));
  assert.deepEqual(
    reader.read().loaded.connections.map(({ spec }) => spec.address.port),
    [5433],
  );
});

test("a file that is removed takes what it held along, and so does a good file that holds it no more", (context) => {
  const folders = folderWith(context);
  const reader = folderReader(folders.config);
  reader.read();
  folders.remove("connection.yaml");
  assert.equal(reader.read().loaded.connections.length, 0);
  folders.write("gateway.yaml", policy({}, "other"));
  assert.equal(reader.read().loaded.gateways.length, 0);
});

test("a file that is broken from the start has no good version to keep: a limit", (context) => {
  const folders = folderWith(context);
  writeFileSync(join(folders.config, "connection.yaml"), "kind: Nonsense");
  assert.equal(folderReader(folders.config).read().loaded.connections.length, 0);
});

test("what moved to another file is there once, in its new form", (context) => {
  const folders = folderWith(context);
  const reader = folderReader(folders.config);
  reader.read();
  writeFileSync(join(folders.config, "connection.yaml"), "kind: Nonsense");
  folders.write("moved.yaml", connection(5433, "/run/password"));
  assert.deepEqual(
    reader.read().loaded.connections.map(({ spec }) => spec.address.port),
    [5433],
  );
});

test("the key changes with every byte of a file and of the authorities that kinds name", (context) => {
  const folders = folderWith(context);
  const ca = join(folders.root, "ca.pem");
  writeFileSync(ca, "one");
  folders.write("connection.yaml", connection(5432, "/run/password", { tls: { ca: { file: ca } } }));
  const reader = folderReader(folders.config);
  const first = reader.read();
  assert.equal(first.authorities.get(ca), "one");
  assert.equal(reader.read().key, first.key);
  writeFileSync(ca, "two");
  const second = reader.read();
  assert.notEqual(second.key, first.key);
  writeFileSync(join(folders.config, "policy.yaml"), "# a word\n", { flag: "a" });
  assert.notEqual(reader.read().key, second.key);
  chmodSync(ca, 0o600);
});

test("what has not changed is not parsed again, and what has changed is", (context) => {
  const folders = folderWith(context);
  const ca = join(folders.root, "ca.pem");
  folders.write("connection.yaml", connection(5432, "/run/password", { tls: { ca: { file: ca } } }));
  const reader = folderReader(folders.config);
  const first = reader.read();
  assert.equal(reader.read(), first);
  writeFileSync(ca, "one");
  const second = reader.read();
  assert.equal(second.authorities.get(ca), "one");
  assert.equal(second.loaded, first.loaded, "kinds are no others for another authority");
  folders.write("policy.yaml", policy({}, "other"));
  const third = reader.read();
  assert.deepEqual(
    third.loaded.policies.map((source) => source.state === "good" && source.policy.metadata.name),
    ["other"],
  );
  folders.remove("policy.yaml");
  assert.equal(reader.read().loaded.policies.length, 0);
  mkdirSync(join(folders.config, "policy.yaml"));
  assert.equal(reader.read(), reader.read());
});

test("exactly one Gateway runs, and a listener whose Connection is not there is not opened", (context) => {
  const folders = folderWith(context);
  const planOf = () => gatewayPlan(folderReader(folders.config).read().loaded, folders.config);
  const problem = (): string => {
    const answer = planOf();
    return typeof answer === "string" ? answer : "";
  };
  const plan = planOf();
  assert.ok(typeof plan !== "string");
  assert.deepEqual(plan.listeners, [
    {
      name: "agents",
      connection: { namespace: "shop", name: "orders" },
      protocol: "postgres",
      where: { kind: "address", host: "127.0.0.1", port: 6432 },
      identity: "ambient",
      database: "postgres",
    },
  ]);
  assert.deepEqual(plan.identities, { agents: { kind: "ambient", from: "file", path: "/run/token" } });
  folders.remove("connection.yaml");
  const without = planOf();
  assert.ok(typeof without !== "string");
  assert.deepEqual([without.listeners, Object.keys(without.identities)], [[], ["agents"]]);
  folders.write("twin.yaml", { ...gateway(at(6433)), metadata: { name: "twin" } });
  assert.match(problem(), /there are 2 Gateways .*\(host, twin\)/);
  folders.remove("gateway.yaml");
  folders.remove("twin.yaml");
  assert.match(problem(), /no valid Gateway/);
});
