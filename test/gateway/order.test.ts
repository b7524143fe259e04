/** A session from accept to close, and every way in which it fails on the way: told in PostgreSQL's words, with nothing left open. */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { realDisk } from "#broker/trail/real-disk.ts";
import { makeAuthority } from "#test/support/certificates.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { connected, once, refusedWith, rows } from "./support/clients.ts";
import { type Rig, type RigOptions, sharedIssuer, startRig, until } from "./support/in-process.ts";
import { AUDIENCE, READER, policy } from "./support/kinds.ts";

const SLEEPER = {
  name: "wait",
  postgres: { preset: "readOnly", tables: ["public.*"], functions: ["pg_catalog.pg_sleep"] },
};

const real = { skip: skipWithoutPostgres(18) };

async function nothingIsOpen({ plane, control }: Rig): Promise<void> {
  await until(() => plane.gateway.sessionCount === 0);
  await until(() => (control?.broker.status().leases ?? 0) === 0);
}

test("a permitted session: its order is on record, and nothing of it is left", real, async (context) => {
  const rig = await startRig(context);
  assert.deepEqual(await once(rig), { count: "1000" });
  await nothingIsOpen(rig);
  await until(async () => (await rig.events()).some(({ kind }) => kind === "session.close"));
  const session = (await rig.events()).filter(({ kind }) => kind !== "broker.start");
  const said = session.map(({ kind, action, outcome, ended, code }) => [
    kind,
    action ?? outcome ?? ended ?? code,
  ]);
  // Once more for the connection on which the catalog is read.
  const distinct = said.filter((one, at) => JSON.stringify(one) !== JSON.stringify(said[at - 1]));
  assert.deepEqual(distinct, [
    ["session.open", undefined],
    ["credential", "leased"],
    ["credential", "proved"],
    ["request", "allow"],
    ["result", "complete"],
    ["credential", "released"],
    ["session.close", "CLIENT_CLOSED"],
  ]);
  const close = session.at(-1);
  assert.equal(close?.["rows"], 1);
  assert.ok(Number(close?.["bytesFromClient"]) > 0 && Number(close?.["bytesToClient"]) > 0);
});

interface Failure {
  readonly code: string;
  readonly options?: RigOptions;
  readonly breaks?: (rig: Rig) => Promise<unknown> | undefined;
  /** Then the same client gets what it asks for. */
  readonly mends?: (rig: Rig) => Promise<unknown> | undefined;
}

const FAILURES: Readonly<Record<string, Failure>> = {
  "the gateway has no token": {
    code: "IDENTITY_MISSING",
    breaks: async ({ tokenFile }) => rmSync(tokenFile),
    mends: async ({ tokenFile }) =>
      writeFileSync(tokenFile, await (await sharedIssuer()).issue("agent", AUDIENCE), { mode: 0o600 }),
  },
  "the token is for somebody else": {
    code: "IDENTITY_INVALID",
    breaks: async ({ tokenFile }) =>
      writeFileSync(tokenFile, await (await sharedIssuer()).issue("agent", "urn:other"), { mode: 0o600 }),
    mends: async ({ tokenFile }) =>
      writeFileSync(tokenFile, await (await sharedIssuer()).issue("agent", AUDIENCE), { mode: 0o600 }),
  },
  "no policy speaks of the subject": {
    code: "DENY_NO_POLICY",
    options: { clientId: "reporter" },
    mends: (rig) =>
      rig.applied(() =>
        rig.write(
          "policies.yaml",
          policy({ subjects: [{ oidc: { provider: "test", claims: { sub: "reporter" } } }] }),
        ),
      ),
  },
  "a person would have to be asked": {
    code: "ASK_NOT_AVAILABLE",
    options: {
      policies: [policy({ allow: [READER], ask: [{ name: "all", postgres: { statements: ["any"] } }] })],
    },
    mends: (rig) => rig.applied(() => rig.write("policies.yaml", policy())),
  },
  "a policy is broken and no good version is known": {
    code: "DENY_POLICY_INVALID",
    options: { policies: [policy({ allow: [{ name: "Not A Name", postgres: {} }] })] },
    mends: (rig) => rig.applied(() => rig.write("policies.yaml", policy())),
  },
  "the credential cannot be had": {
    code: "CREDENTIAL_UNAVAILABLE",
    breaks: async ({ passwordFile }) => rmSync(passwordFile),
    mends: async ({ passwordFile }) => writeFileSync(passwordFile, "canary-upstream-5d0c41", { mode: 0o600 }),
  },
  "the upstream does not take the credential": {
    code: "CREDENTIAL_REFUSED",
    options: { password: "not-the-password" },
    mends: async ({ passwordFile }) => writeFileSync(passwordFile, "canary-upstream-5d0c41", { mode: 0o600 }),
  },
  "the upstream is not there": {
    code: "UPSTREAM_UNREACHABLE",
    // Discard: nobody listens there.
    options: { connection: { address: { host: "127.0.0.1", port: 9 } } },
  },
  "the upstream cannot prove who it is": {
    code: "UPSTREAM_UNTRUSTED",
    options: { connection: { tls: { mode: "verify-full" } } },
  },
};

for (const [what, { code, options, breaks, mends }] of Object.entries(FAILURES)) {
  test(`${what}: refused with ${code}`, real, async (context) => {
    const rig = await startRig(context, options);
    await breaks?.(rig);
    const told = await refusedWith(once(rig), code);
    assert.doesNotMatch(JSON.stringify(told), /canary|not-the-password/);
    await nothingIsOpen(rig);
    if (mends === undefined) return;
    await mends(rig);
    assert.deepEqual(await once(rig), { count: "1000" });
  });
}

test("a session that was refused by policy is on record from open to close", real, async (context) => {
  const rig = await startRig(context, { policies: [] });
  await refusedWith(once(rig), "DENY_NO_POLICY");
  await until(async () => (await rig.events()).some(({ kind }) => kind === "session.close"));
  const events = (await rig.events()).filter(({ kind }) => kind !== "broker.start");
  assert.deepEqual(
    events.map(({ kind, code }) => [kind, code]),
    [
      ["session.open", undefined],
      ["session.close", "DENY_NO_POLICY"],
    ],
  );
});

test("a worker that is full says so, and takes the next one when there is room", real, async (context) => {
  const rig = await startRig(context, { sessionsMax: 2 });
  const [first, second] = [await connected(rig), await connected(rig)];
  await refusedWith(once(rig), "LIMIT_GATEWAY");
  await first.end();
  await until(() => rig.plane.gateway.sessionCount === 1);
  assert.deepEqual(await once(rig), { count: "1000" });
  await second.end();
});

test(
  "in a worker that is full, who has not been admitted makes room, and who has been does not",
  real,
  async (context) => {
    const rig = await startRig(context, { sessionsMax: 2 });
    const first = await connected(rig);
    const silent = connect(rig.port, "127.0.0.1").on("error", () => undefined);
    const gone = new Promise((resolve) => silent.resume().once("close", resolve));
    await until(() => rig.plane.gateway.sessionCount === 2);
    assert.deepEqual(await once(rig), { count: "1000" });
    await gone;
    assert.deepEqual(await rows(first, "select count(*) from orders"), [{ count: "1000" }]);
    await first.end();
  },
);

test("sessions at once are limited as policy says, and places are given back", real, async (context) => {
  const rig = await startRig(context, { policies: [policy({ limits: { concurrentSessions: 2 } })] });
  const clients = [await connected(rig), await connected(rig)];
  await refusedWith(once(rig), "LIMIT_CONCURRENT_SESSIONS");
  await clients[0]?.end();
  await until(() => rig.control?.broker.status().leases === 1);
  assert.deepEqual(await once(rig), { count: "1000" });
  await clients[1]?.end();
});

test(
  "a session ends when it has lasted as long as policy allows, in the middle of a statement too",
  real,
  async (context) => {
    const rig = await startRig(context, {
      policies: [
        policy({
          limits: { sessionSeconds: 1 },
          allow: [SLEEPER],
        }),
      ],
    });
    const client = await connected(rig);
    await refusedWith(rows(client, "select pg_sleep(60)"), "LIMIT_SESSION_SECONDS");
    await nothingIsOpen(rig);
  },
);

/** Writes nothing any more from the moment it is told so. */
function fillableDisk() {
  const state = { isFull: false };
  const full = (): void => {
    if (state.isFull) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  };
  const disk: typeof realDisk = {
    ...realDisk,
    create: async (path, mode) => {
      full();
      const file = await realDisk.create(path, mode);
      return {
        write: async (bytes, offset) => {
          full();
          await file.write(bytes, offset);
        },
        sync: () => file.sync(),
        truncate: (lengthBytes) => file.truncate(lengthBytes),
        [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
      };
    },
  };
  return { state, disk };
}

async function rigWithDisk(context: TestContext): Promise<Rig & { readonly disk: { isFull: boolean } }> {
  const { state, disk } = fillableDisk();
  const writer = { name: "write", postgres: { statements: ["insert"], tables: ["public.orders"] } };
  const rig = await startRig(context, {
    disk,
    trailWaitMs: 800,
    policies: [policy({ allow: [READER, writer] })],
  });
  return { ...rig, disk: state };
}

test(
  "with a full disk no session opens, and open ones only read; afterwards all is as before",
  real,
  async (context) => {
    const rig = await rigWithDisk(context);
    const client = await connected(rig);
    await rows(client, "select 1");
    rig.disk.isFull = true;
    const insert = "insert into orders values (1001, 'new', 1) on conflict do nothing";
    await refusedWith(rows(client, insert), "TRAIL_UNAVAILABLE");
    assert.deepEqual(await rows(client, "select count(*) from orders where id = 1001"), [{ count: "0" }]);
    await refusedWith(once(rig), "TRAIL_UNAVAILABLE");
    rig.disk.isFull = false;
    assert.deepEqual(await once(rig), { count: "1000" });
    await rows(client, "begin");
    assert.deepEqual(await rows(client, insert), []);
    await rows(client, "rollback");
    await client.end();
    await nothingIsOpen(rig);
  },
);

test(
  "a password where a token belongs is refused, and on record as one that is still out there",
  real,
  async (context) => {
    const authority = makeAuthority();
    const { certPem, keyPem } = authority.issue("DNS:localhost");
    const rig = await startRig(context, {
      listener: { identity: { perClient: { providers: ["test"] } } },
      tls: { certPem, keyPem },
    });
    const bring = (password: string): Promise<unknown> =>
      once({ ...rig, password, ssl: { ca: authority.certPem } }, "select 1 as one");
    await refusedWith(bring("hunter2-canary"), "IDENTITY_INVALID");
    await until(async () => (await rig.events()).some(({ kind }) => kind === "session.refused"));
    const events = (await rig.events()).filter(({ kind }) => kind !== "broker.start");
    assert.deepEqual(
      events.map(({ kind, how, code, listener }) => [kind, how ?? code, listener]),
      [
        ["secret.presented", "a password in the startup of PostgreSQL", "agents"],
        ["session.refused", "IDENTITY_INVALID", "agents"],
      ],
    );
    assert.doesNotMatch(JSON.stringify([events, rig.lines]), /hunter2/);
    const token = await (await sharedIssuer()).issue("agent", AUDIENCE);
    assert.deepEqual(await bring(token), { one: 1 });
  },
);
