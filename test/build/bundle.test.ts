import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { connected, refusedWith } from "#test/gateway/support/clients.ts";
import { connection, gateway, listener, makeFolders } from "#test/gateway/support/kinds.ts";
import { BROKER_UID, SHARED_GID, isRoot, startGateway } from "#test/gateway/support/processes.ts";
import { ROOT } from "../architecture/sources.ts";

const folder = mkdtempSync(join(tmpdir(), "sallyport-bundle-"));
after(() => rmSync(folder, { recursive: true }));

const built = spawnSync(
  join(ROOT, "node_modules/.bin/rolldown"),
  ["-c", "rolldown.config.ts", "--log-level", "warn"],
  {
    cwd: ROOT,
    encoding: "utf8",
    env: { ...process.env, SALLYPORT_DIST: join(folder, "dist") },
  },
);
cpSync(join(ROOT, "examples/policies/reporting"), join(folder, "policies"), { recursive: true });

/** From a folder where nothing of the repository can be found by accident. */
function sallyport(...words: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["dist/sallyport.js", ...words], {
    cwd: folder,
    encoding: "utf8",
  });
  return { status, output: stdout + stderr };
}

function explain(statement: string): { status: number | null; output: string } {
  writeFileSync(join(folder, "statement.sql"), statement);
  const ask =
    "node dist/sallyport.js explain --config policies --subject serviceaccount:shop/reporter --connection shop/orders-db";
  const { status, stdout, stderr } = spawnSync("/bin/sh", ["-c", `${ask} --statement - < statement.sql`], {
    cwd: folder,
    encoding: "utf8",
  });
  return { status, output: stdout + stderr };
}

test("the bundle is made without a warning", () => {
  assert.equal(built.status, 0, built.stderr);
  assert.doesNotMatch(built.stdout + built.stderr, /warn/i);
});

test("the bundle runs on its own, PostgreSQL's parser included", () => {
  assert.equal(sallyport("--version").status, 0);
  const allowed = explain("select sum(total) from orders");
  assert.match(allowed.output, /^ALLOW/);
  assert.equal(allowed.status, 0);
});

test("the bundle runs a gateway, with the processes that it is made of", async () => {
  const folders = makeFolders();
  using _folders = folders;
  const address = { host: "127.0.0.1", port: 0 };
  folders.write("connection.yaml", connection(5432, "/run/password"));
  folders.write(
    "gateway.yaml",
    gateway(listener({ address, identity: { ambient: { tokenFile: folders.tokenFile } } })),
  );
  if (isRoot) {
    folders.handOver(BROKER_UID, SHARED_GID);
    chmodSync(folder, 0o755);
  }
  const program = join(folder, "dist/sallyport.js");
  const data = join(folders.root, "data");
  await using started = await startGateway({ config: folders.config, data, program });
  assert.equal((await fetch(`${started.health}/readyz`)).status, 200);
  await refusedWith(connected({ port: started.ports.get("agents") ?? 0 }), "IDENTITY_MISSING");
});

test("a text that is parsed in a thread of its own is parsed there by the bundle too", () => {
  const columns = Array.from({ length: 4_000 }, (_, index) => `total + ${index}`).join(", ");
  assert.match(explain(`select ${columns} from orders`).output, /^ALLOW/);
  assert.match(explain(`select ${columns} from invoices`).output, /^DENY/);
});
