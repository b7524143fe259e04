import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, test } from "node:test";
import type { Upstream } from "#broker/sources/source.ts";
import { fuzzRuns } from "#test/support/fuzz.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { clock } from "./support/identity.ts";
import { type Database, leased, mintedRoles, startDatabase, startMinting } from "./support/upstream.ts";

const CHILD = fileURLToPath(new URL("support/crashing.ts", import.meta.url));

/** How many steps it took, or undefined when it was killed. */
async function runUntil(step: number, { folder, upstream }: Database): Promise<number | undefined> {
  const child = spawn(process.execPath, [CHILD, folder, String(step), JSON.stringify(upstream)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  let errors = "";
  child.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  if (signal === "SIGKILL") return undefined;
  assert.equal(code, 0, errors);
  return Number(printed);
}

describe("a broker that is killed", { skip: skipWithoutPostgres(18) }, () => {
  test("at any step leaves no role behind once the next one has started", async (context) => {
    await using database = await startDatabase(18);
    const { root, folder, upstream } = database;
    const steps = await runUntil(0, database);
    assert.ok(steps !== undefined && steps > 30, `${steps} steps`);
    assert.deepEqual(await mintedRoles(root), []);
    const kills = spread(steps, fuzzRuns(8));
    let left = 0;
    for (const step of kills) {
      assert.equal(await runUntil(step, database), undefined, `step ${step} was not reached`);
      const found = await mintedRoles(root);
      if (found.length > 0) left += 1;
      await using next = await startMinting({ folder });
      next.source.sweep([upstream]);
      await next.source.settled();
      assert.deepEqual(await mintedRoles(root), [], `killed at step ${step}: ${JSON.stringify(next.notes)}`);
    }
    context.diagnostic(`figure broker.crash-points=${kills.length}`);
    assert.ok(left > 0, "no kill left a role, so nothing was shown");
  });

  test("and whose journal is lost has its roles found by their marks, and nobody else's touched", async () => {
    await using database = await startDatabase(18);
    const { root, folder, upstream } = database;
    const time = clock();
    await root.query(`CREATE ROLE sp_somebody_elses; COMMENT ON ROLE sp_somebody_elses IS 'not ours'`);
    await root.query(`CREATE ROLE sp_bare`);
    const lost = await crashed(folder, upstream, "broker-a");
    const others = await crashed(folder, upstream, "broker-b");
    await rm(`${folder}/state`, { recursive: true });
    await using minting = await startMinting({ folder, time, broker: "broker-a" });
    const mine = await leased(minting.source, upstream);
    minting.source.sweep([upstream]);
    await minting.source.settled();
    const kept = [mine.user, others, "sp_bare", "sp_somebody_elses"].sort();
    assert.deepEqual([...(await mintedRoles(root))].sort(), kept, JSON.stringify(minting.notes));
    assert.deepEqual(
      minting.notes.filter(([name]) => name === "janitor.removed").map(([, { role }]) => role),
      [lost],
    );

    // A broker that never comes back: its role is long over.
    await root.query(`ALTER ROLE ${others} VALID UNTIL '2020-01-01'`);
    minting.source.sweep([upstream]);
    await minting.source.settled();
    assert.equal((await mintedRoles(root)).length, 4, "the janitor comes only now and then");
    time.ms += 10 * 60_000;
    minting.source.sweep([upstream]);
    await minting.source.settled();
    assert.deepEqual(
      [...(await mintedRoles(root))].sort(),
      [mine.user, "sp_bare", "sp_somebody_elses"].sort(),
    );
  });

  test("a Connection that leads elsewhere since does not take back, one that leads there does", async () => {
    await using database = await startDatabase(18);
    const { root, folder, upstream } = database;
    const role = await crashed(folder, upstream, "broker-a");
    await using minting = await startMinting({ folder, broker: "another" });
    assert.deepEqual(minting.notes, [["role.leftover", { role, connection: "shop/orders" }]]);
    minting.source.sweep([]);
    minting.source.sweep([
      { ...upstream, spec: { ...upstream.spec, address: { host: "127.0.0.1", port: 1 } } },
    ]);
    await minting.source.settled();
    assert.deepEqual(await mintedRoles(root), [role]);
    minting.source.sweep([upstream]);
    await minting.source.settled();
    assert.deepEqual(await mintedRoles(root), []);
  });
});

/** Mints, and is gone without taking back; what it left is what a killed process leaves. */
async function crashed(folder: string, upstream: Upstream, broker: string): Promise<string> {
  const minting = await startMinting({ folder, broker });
  const credential = await leased(minting.source, upstream);
  await minting.journal[Symbol.asyncDispose]();
  return credential.user;
}

/** `count` steps from 1 to `last`, evenly, the last one among them. */
function spread(last: number, count: number): readonly number[] {
  const wanted = Math.min(last, count);
  return Array.from({ length: wanted }, (_, index) => Math.round(((index + 1) * last) / wanted));
}
