/** What people who run a gateway see of it and can end, through the commands that they use. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { kill } from "#cli/kill.ts";
import { sessions } from "#cli/sessions.ts";
import { status } from "#cli/status.ts";
import type { Command } from "#cli/frame/command.ts";
import { SALLYPORT } from "#cli/commands.ts";
import { run } from "#cli/frame/run.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { connected, once, rows } from "./support/clients.ts";
import { type Rig, startRig, until } from "./support/in-process.ts";
import { policy } from "./support/kinds.ts";

const real = { skip: skipWithoutPostgres(18) };
const commands = { status, sessions, kill } satisfies Record<string, Command>;

async function sallyport({ root }: Pick<Rig, "root">, ...words: readonly string[]) {
  let output = "";
  const screen = { write: (text: string) => void (output += text), colour: false };
  const io = {
    out: screen,
    err: screen,
    readInput: () => Promise.resolve({ ok: true, text: "" } as const),
    nowMs: Date.now,
  };
  const code = await run({ program: SALLYPORT, commands }, [...words, "--data", root], io);
  return { code, output };
}

interface Listed {
  readonly sessions: readonly { readonly session: string; readonly caller: string }[];
}

async function listed(rig: Rig, count: number): Promise<Listed["sessions"]> {
  let found: Listed["sessions"] = [];
  await until(async () => {
    const { output } = await sallyport(rig, "sessions", "--output", "json");
    found = (JSON.parse(output) as Listed).sessions;
    return found.length === count;
  });
  return found;
}

test("status is well, then says what is not", real, async (context) => {
  const rig = await startRig(context);
  await until(async () => (await sallyport(rig, "status")).code === 0);
  const well = await sallyport(rig, "status");
  assert.match(well.output, /trail {3}can be written/);
  assert.match(well.output, /1 +yes +0/);
  rig.write("broken.yaml", { kind: "Connection" });
  await until(async () => (await sallyport(rig, "status")).code === 1);
  assert.match((await sallyport(rig, "status")).output, /broken\.yaml:1: .*apiVersion is missing/);
  rig.remove("broken.yaml");
  await until(async () => (await sallyport(rig, "status")).code === 0);
});

test(
  "a session is listed with who it is and what it did, and ends when it is killed; others go on",
  real,
  async (context) => {
    const rig = await startRig(context);
    const [one, two] = [await connected(rig), await connected(rig)];
    await rows(one, "select * from orders limit 7");
    await listed(rig, 2);
    const shown = await sallyport(rig, "sessions");
    assert.match(shown.output, /a token of test for agent +shop\/orders +\d{4}-\d\d-\d\dT/);
    assert.match(shown.output, /2 sessions/);
    const first = (await listed(rig, 2))[0]?.session ?? "";
    const ends = [one, two].map((client) => new Promise<Error>((resolve) => client.on("error", resolve)));
    const killed = await sallyport(rig, "kill", first);
    assert.equal(killed.code, 0);
    assert.match(killed.output, /1 session ended/);
    const told = (await Promise.race(ends)) as Error & { detail?: string };
    assert.match(told.detail ?? "", /REVOKED/);
    await until(() => rig.plane.gateway.sessionCount === 1);
    assert.equal((await sallyport(rig, "kill", first)).code, 1);
    const [left] = await listed(rig, 1);
    assert.equal((await sallyport(rig, "kill", "--subject", left?.caller ?? "")).code, 0);
    await until(() => rig.plane.gateway.sessionCount === 0);
    // Nobody is kept out by it.
    assert.deepEqual(await once(rig), { count: "1000" });
  },
);

test(
  "whoever is not the gateway's own user finds the door closed, and strange questions an answer",
  real,
  async (context) => {
    const rig = await startRig(context, { policies: [policy()] });
    const path = `${rig.root}/admin/admin.sock`;
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
    const ask = (method: string, to: string, body = ""): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        request({ socketPath: path, method, path: to }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .on("error", reject)
          .end(body);
      });
    assert.equal(await ask("GET", "/status"), 200);
    assert.equal(await ask("GET", "/elsewhere"), 404);
    assert.equal(await ask("DELETE", "/sessions"), 404);
    for (const body of [
      "",
      "{",
      "[]",
      "{}",
      '{"session":1}',
      '{"session":"a","caller":"b"}',
      `{"session":"${"x".repeat(9_000)}"}`,
    ])
      assert.equal(await ask("POST", "/kill", body), 400, body.slice(0, 40));
    assert.equal(await ask("POST", "/kill", '{"session":"nobody"}'), 200);
  },
);

test("without a gateway the commands say where they looked", async () => {
  const { code, output } = await sallyport({ root: "/nowhere" }, "sessions");
  assert.equal(code, 2);
  assert.match(output, /no gateway runs with \/nowhere\/admin\/admin\.sock/);
});
