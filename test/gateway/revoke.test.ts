/** `sallyport revoke` on a host: who is out, for how long, and that nothing forgets it. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { EventFields } from "#core/audit/requests.ts";
import { rowsOf, startReading } from "#cli/audit/rows.ts";
import { commands, SALLYPORT } from "#cli/commands.ts";
import { run } from "#cli/frame/run.ts";
import { textOf } from "#test/architecture/sources.ts";
import { HOST_PAGES, fencesOf } from "#test/docs/fences.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { connect } from "#tools/postgres/client.ts";
import { connected, once, rows } from "./support/clients.ts";
import { type Rig, sharedUpstream, startRig, until } from "./support/in-process.ts";
import { policy } from "./support/kinds.ts";
import { startGateway } from "./support/processes.ts";
import { running } from "./support/running.ts";

const real = { skip: skipWithoutPostgres(18) };
const FOR = ["--for", "1h", "--reason", "incident 4711"];
const REVOKED = /access is revoked until \d{4}-\S+ \(revoked-agent-[0-9a-f]{6}\)/;

async function sallyport(data: string, ...words: readonly string[]) {
  let output = "";
  const screen = { write: (text: string) => void (output += text), colour: false };
  const readInput = () => Promise.resolve({ ok: true, text: "" } as const);
  const io = { out: screen, err: screen, readInput, nowMs: Date.now };
  const code = await run({ program: SALLYPORT, commands }, [...words, "--data", data], io);
  return { code, output };
}

async function revoked(data: string, ...whom: readonly string[]): Promise<string> {
  const { code, output } = await sallyport(data, "revoke", ...whom, ...FOR);
  assert.equal(code, 0, output);
  return /revoke lift .* (\S+)\n/.exec(output)?.[1] ?? "";
}

const endOf = (client: { on(event: "error", listen: (error: Error) => void): unknown }): Promise<Error> =>
  new Promise((resolve) => client.on("error", resolve));

async function refused(rig: Pick<Rig, "port">): Promise<string> {
  try {
    await once(rig);
    return "it was served";
  } catch (error) {
    return error instanceof Error ? error.message : "";
  }
}

test(
  "whoever is revoked loses what is open and gets nothing, until it is lifted; others are served",
  real,
  async (context) => {
    const rig = await startRig(context);
    const other = await revoked(rig.root, "subject", "oidc:test,sub=somebody-else");
    const client = await connected(rig);
    const ended = endOf(client);
    const beganMs = performance.now();
    const name = await revoked(rig.root, "subject", "oidc:test,sub=agent");
    assert.match((await ended).message, REVOKED);
    context.diagnostic(`figure revoke.host_ended_ms=${Math.round(performance.now() - beganMs)}`);
    assert.match(await refused(rig), REVOKED);
    await rig.stopBroker();
    await rig.startBroker();
    assert.match(await refused(rig), REVOKED);
    const list = await sallyport(rig.root, "revoke", "list");
    assert.match(
      list.output,
      new RegExp(
        `^  ${name} +\\d{4}\\S+Z +\\S+ \\(uid \\d+\\) +incident 4711 +tokens of test with sub=agent$`,
        "m",
      ),
    );
    assert.match(list.output, /^2 revocations$/m);
    assert.match(
      (await sallyport(rig.root, "revoke", "lift", name)).output,
      /^lifted {4}tokens of test with sub=agent$/m,
    );
    assert.deepEqual(await once(rig), { count: "1000" });
    assert.equal((await sallyport(rig.root, "revoke", "lift", name)).code, 1);
    assert.equal((await sallyport(rig.root, "revoke", "lift", other)).code, 0);
    await rig.stopBroker();
    const by = `${userInfo().username} (uid ${process.getuid?.()})`;
    const said = (await rig.events()).filter(({ guardrail }) => guardrail === name);
    const told = said.map(({ kind, by: who, because, how }) => [kind, who, because, how]);
    const inForce = ["revocation.enforced", by, "incident 4711", undefined];
    assert.deepEqual(told, [
      inForce,
      ["sessions.revoked", by, "incident 4711", undefined],
      inForce,
      ["revocation.ended", by, undefined, "lifted"],
    ]);
  },
);

test("by one of its sessions somebody is revoked with all others of theirs", real, async (context) => {
  const rig = await startRig(context);
  const [one, another] = [await connected(rig), await connected(rig)];
  const ends = [endOf(one), endOf(another)];
  const [session] = [...(await listed(rig, 2))];
  assert.match(
    (await sallyport(rig.root, "revoke", "session", "nobody", ...FOR)).output,
    /no session nobody/,
  );
  await revoked(rig.root, "session", session ?? "");
  for (const ended of await Promise.all(ends)) assert.match(ended.message, REVOKED);
  assert.match(await refused(rig), REVOKED);
});

async function listed({ root }: Rig, count: number): Promise<readonly string[]> {
  let found: readonly { readonly session: string }[] = [];
  await until(async () => {
    const { output } = await sallyport(root, "sessions", "--output", "json");
    found = (JSON.parse(output) as { sessions: typeof found }).sessions;
    return found.length === count;
  });
  return found.map(({ session }) => session);
}

test(
  "a role that was minted for somebody who is revoked is gone, and whoever is signed in by it is out",
  real,
  async (context) => {
    const folder = mkdtempSync(join(tmpdir(), "sallyport-minter-"));
    context.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "password");
    writeFileSync(path, "canary-minter-7c20", { mode: 0o600 });
    await using root = await connect(await sharedUpstream());
    await root.query(`
    CREATE ROLE revoked_agent NOLOGIN;
    GRANT SELECT ON orders TO revoked_agent;
    CREATE ROLE revoked_minter LOGIN CREATEROLE PASSWORD 'canary-minter-7c20';
    GRANT revoked_agent TO revoked_minter WITH ADMIN OPTION`);
    const postgresRole = { template: "revoked_agent", minter: { user: "revoked_minter", file: { path } } };
    const rig = await startRig(context, {
      connection: {
        credential: { mode: "minted", source: { postgresRole } },
        postgres: { database: "postgres" },
      },
    });
    const client = await connected(rig);
    const [who] = await rows(client, "select session_user as name");
    const minted = async (): Promise<readonly string[]> => {
      const of = "select usename from pg_user where usename like 'sp\\_%'";
      return (await root.query(of)).map(({ usename }) => String(usename));
    };
    const signedIn = async (): Promise<unknown> => {
      const [row] = await root.query(
        "select count(*)::int as n from pg_stat_activity where usename like 'sp\\_%'",
      );
      return row?.["n"];
    };
    assert.deepEqual(await minted(), [who?.["name"]]);
    // The session itself, and the gateway's own beside it.
    assert.ok(Number(await signedIn()) > 0);
    const ended = endOf(client);
    await revoked(rig.root, "subject", "oidc:test,sub=agent");
    assert.match((await ended).message, REVOKED);
    await until(async () => (await minted()).length === 0 && (await signedIn()) === 0);
    assert.match(await refused(rig), REVOKED);
    assert.deepEqual(await minted(), []);
  },
);

test("docs/operations/misbehaving.md, command by command", real, async (context) => {
  const [page] = HOST_PAGES;
  const fences = fencesOf(page, textOf(page)).filter(({ info }) => info === "sh host");
  const lines = fences.flatMap(({ text }) => text.trim().split("\n"));
  assert.equal(lines.length, 5);
  const rig = await startRig(context);
  const ended = endOf(await connected(rig));
  const [session = ""] = await listed(rig, 1);
  let name = "";
  for (const line of lines) {
    const meant = line.replace("9hTq0mWl3vLwYk2bXo1rGA", session).replace("revoked-agent-3f9a2c", name);
    const [program, ...words] = Array.from(
      meant.matchAll(/"([^"]*)"|(\S+)/g),
      ([, quoted, plain]) => quoted ?? plain ?? "",
    );
    assert.equal(program, "sallyport");
    const { code, output } = await sallyport(rig.root, ...words);
    assert.equal(code, 0, `${meant}\n${output}`);
    name = /revoke lift .* (\S+)\n/.exec(output)?.[1] ?? name;
  }
  assert.match((await ended).message, REVOKED);
  // The page revokes twice, and lifts one.
  assert.match((await sallyport(rig.root, "revoke", "list")).output, /^1 revocation$/m);
  assert.match(await refused(rig), REVOKED);
});

test("what would reach nobody, or cannot be meant, is said and not written", real, async (context) => {
  const rig = await startRig(context);
  for (const [subject, why] of [
    ["oidc:tset,sub=agent", /there is no IdentityProvider tset, .* there are: test/],
    ["serviceaccount:shop/reporter", /outside a cluster everybody is known by a token/],
    ["oidc:test,aud=a,aud=b", /the claim aud stands there twice/],
    ["oidc:test,a b=c", /claims/],
    ["reporter", /is not a subject/],
  ] as const) {
    const { code, output } = await sallyport(rig.root, "revoke", "subject", subject, ...FOR);
    assert.equal(code, 2, output);
    assert.match(output, why);
  }
  const ask = (path: string, body: object): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      request({ socketPath: join(rig.root, "admin/admin.sock"), method: "POST", path }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end(JSON.stringify(body));
    });
  const good = {
    token: { provider: "test", claims: { sub: "another" } },
    because: "a test",
    untilMs: Date.now() + 60_000,
    name: "ada",
  };
  for (const wrong of [
    {},
    { ...good, untilMs: Date.now() - 1 },
    { ...good, untilMs: Date.now() + 31 * 24 * 3_600_000 },
    { ...good, because: "  " },
    { ...good, because: "x".repeat(257) },
    { ...good, name: "ada\nroot" },
    { ...good, by: "root (uid 0)" },
    { ...good, session: "both" },
    {
      ...good,
      token: {
        provider: "test",
        claims: Object.fromEntries(Array.from("abcdefghijklmnopq", (name) => [name, "1"])),
      },
    },
  ])
    assert.equal(await ask("/revoke", wrong), 400, JSON.stringify(wrong).slice(0, 120));
  for (const name of ["../../broker-id", "broker-id", ""])
    assert.equal(await ask("/lift", { guardrail: name, name: "ada" }), 200);
  assert.deepEqual(readdirSync(join(rig.state, "broker/revocations")), []);
  assert.ok(readdirSync(join(rig.state, "broker")).includes("broker-id"));
  assert.equal(await ask("/revoke", good), 200);
  assert.equal(readdirSync(join(rig.state, "broker/revocations")).length, 1);
  assert.deepEqual(await once(rig), { count: "1000" });
});

test(
  "a policy that allows it, an edit of the files and half a file beside it change nothing",
  real,
  async (context) => {
    const rig = await startRig(context);
    await revoked(rig.root, "subject", "oidc:test,sub=agent");
    await rig.applied(() => rig.write("more.yaml", policy({}, "more")));
    assert.match(await refused(rig), REVOKED);
    writeFileSync(join(rig.state, "broker/revocations/.revoked-half-abc123.new"), '{"kind": "ClusterSecret');
    await rig.stopBroker();
    await rig.startBroker();
    assert.match(await refused(rig), REVOKED);
    assert.equal(readdirSync(join(rig.state, "broker/revocations")).length, 1);
  },
);

test("kill -9 of every process right after the answer, and a start: still refused, and on record", {
  ...real,
  timeout: 90_000,
}, async () => {
  await using first = await running(1);
  const { gateway, folders } = first;
  const client = await connected(first);
  const ended = endOf(client);
  const name = await revoked(gateway.data, "subject", "oidc:test,sub=agent");
  for (const { pid } of gateway.children()) process.kill(pid, "SIGKILL");
  gateway.signal("SIGKILL");
  await Promise.all([gateway.ended, ended]);
  const config = folders.config;
  await using again = await startGateway({ config, data: gateway.data });
  const here = { port: again.ports.get("agents") ?? 0 };
  assert.match(await refused(here), REVOKED);
  assert.match((await sallyport(gateway.data, "revoke", "list")).output, new RegExp(`^  ${name} `, "m"));
  await sallyport(gateway.data, "revoke", "lift", name);
  assert.deepEqual(await once(here), { count: "1000" });
  const events: EventFields[] = [];
  for await (const row of rowsOf(startReading(join(gateway.data, "trail"), undefined)))
    if ("event" in row) events.push(row.event);
  const told = events.filter(({ guardrail }) => guardrail === name).map(({ kind }) => kind);
  assert.deepEqual(told.slice(-2), ["revocation.enforced", "revocation.ended"]);
  assert.match(readFileSync(join(gateway.data, "broker/broker-id"), "utf8"), /^[0-9a-f]{16}\n$/);
});
