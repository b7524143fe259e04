import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { connectAdministrator } from "#broker/sources/postgres-role/client.ts";
import { isRefusal } from "#core/values/refusal.ts";
import { scramProof } from "#core/wire/postgres/scram.ts";
import { startPostgres } from "#tools/postgres/server.ts";
import { connect } from "#tools/postgres/client.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import {
  ORDERS,
  PASSWORD,
  allowing,
  attach,
  connectionKind,
  exchange,
  exchanged,
  granted,
  identified,
  newSession,
  refusedWith,
  scramOf,
  staticRig,
} from "./support/broker.ts";
import { forEver } from "./support/upstream.ts";

test("a session from token to upstream, with a password that stays in the broker", {
  skip: skipWithoutPostgres(18),
}, async (context) => {
  await using server = await startPostgres({ version: 18, tcp: true });
  await using root = await connect(server);
  await root.query(`CREATE DATABASE orders; `);
  await root.query(`CREATE ROLE reader LOGIN PASSWORD '${PASSWORD}'`);
  const rig = await staticRig(context, { port: server.port });
  const { port, pushes } = await attach(rig.broker);
  const token = rig.token("agent");
  const session = newSession();
  const grant = granted(
    await port.identify({ session, listener: "main", evidence: { kind: "token", token } }, forEver),
  );
  assert.equal(grant.caller.identity.oidc?.claims["sub"], "agent");
  assert.deepEqual(grant.caller.ancestors, []);
  assert.equal(grant.digestKey.length, 32);
  assert.ok(
    token.every((byte) => byte === 0),
    "the token was left in memory",
  );
  const lease = granted(await exchange(port, session));
  assert.equal(lease.user, "reader");
  assert.equal(lease.expiresMs, rig.time.ms + 300_000);
  using upstream = await connectAdministrator(
    {
      ...rig.spec.address,
      tls: { mode: "disable" },
      user: lease.user,
      database: "orders",
      prove: async (challenge) =>
        scramOf(await port.prove(lease.lease, { kind: "scram-sha-256", ...challenge }, forEver)),
    },
    AbortSignal.timeout(30_000),
  );
  assert.deepEqual(await upstream.query("SELECT current_user AS u"), [{ u: "reader" }]);
  await port.release(lease.lease, forEver);
  refusedWith(await port.prove(lease.lease, weakChallenge(), forEver), "LEASE_ENDED");
  const told = inspect([rig.broker, rig.notes, pushes, grant.caller, lease, rig.broker.status()], {
    depth: 20,
    showHidden: true,
  });
  assert.doesNotMatch(told + JSON.stringify([rig.notes, pushes]), /canary|SCRAM-SHA-256\$/);
});

function weakChallenge(iterations = 1) {
  const clientFirstBare = "n=,r=abcdefgh";
  const serverFirst = `r=abcdefghSERVER,s=c2FsdHNhbHRzYWx0c2FsdA==,i=${iterations}`;
  return { kind: "scram-sha-256" as const, clientFirstBare, serverFirst, channelBinding: Buffer.from("n,,") };
}

test("a challenge that would make the password cheap to guess is not answered", async (context) => {
  const rig = await staticRig(context);
  const { port } = await attach(rig.broker);
  const { lease } = await exchanged(port, rig.token("agent"));
  for (const challenge of [
    weakChallenge(1),
    weakChallenge(4095),
    weakChallenge(100_000_000),
    { ...weakChallenge(4096), serverFirst: "r=otherSERVER,s=c2FsdA==,i=4096" },
    { ...weakChallenge(4096), serverFirst: "" },
  ]) {
    refusedWith(await port.prove(lease, challenge, forEver), "UPSTREAM_PROTOCOL");
  }
  granted(await port.prove(lease, weakChallenge(4096), forEver));
});

test("a proof tells whoever asks for it whether a guess is right: the password has to be out of reach of guessing", async (context) => {
  const rig = await staticRig(context);
  const { port } = await attach(rig.broker);
  const { lease } = await exchanged(port, rig.token("agent"));
  const chosen = weakChallenge(4096);
  const { clientFinal } = scramOf(await port.prove(lease, chosen, forEver));
  assert.equal(scramProof(chosen, Buffer.from(PASSWORD))?.clientFinal, clientFinal);
  assert.notEqual(scramProof(chosen, Buffer.from("another guess"))?.clientFinal, clientFinal);
});

test("nothing is answered before the data plane has introduced itself in a version that both speak", async (context) => {
  const rig = await staticRig(context);
  const port = rig.broker.attach();
  refusedWith(
    await port.identify({ session: newSession(), listener: "main", evidence: { kind: "ambient" } }, forEver),
    "NOT_SUPPORTED",
  );
  refusedWith(await exchange(port, newSession()), "NOT_SUPPORTED");
  refusedWith(await port.append([], forEver), "NOT_SUPPORTED");
  assert.match(
    refusedWith(await port.hello({ versions: [7, 8], worker: "w", run: "r" }, forEver), "NOT_SUPPORTED")
      .publicText,
    /7, 8; this broker speaks 1/,
  );
  refusedWith(await port.hello({ versions: [1], worker: "", run: "r" }, forEver), "NOT_SUPPORTED");
  assert.equal(granted(await port.hello({ versions: [2, 1], worker: "w", run: "r" }, forEver)).version, 1);
  await identified(port, rig.token("agent"));
});

test("a session is what its listener says, and its token is wiped when it is refused too", async (context) => {
  const rig = await staticRig(context);
  const { port } = await attach(rig.broker);
  const ask = (listener: string, evidence: Parameters<typeof port.identify>[0]["evidence"]) =>
    port.identify({ session: newSession(), listener, evidence }, forEver);
  refusedWith(await ask("main", { kind: "ambient" }), "IDENTITY_MISSING");
  refusedWith(await ask("other", { kind: "token", token: rig.token("agent") }), "IDENTITY_INVALID");
  refusedWith(await ask("constructor", { kind: "token", token: rig.token("agent") }), "IDENTITY_INVALID");
  const forged = Buffer.from("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.AAAA");
  refusedWith(await ask("main", { kind: "token", token: forged }), "IDENTITY_INVALID");
  assert.ok(forged.every((byte) => byte === 0));

  const path = join(rig.folder, "token");
  writeFileSync(path, rig.token("agent"));
  const config = rig.configure({ connections: [connectionKind(rig.spec)], policies: [allowing("agent")] });
  rig.broker.update({ ...config, listeners: { desk: { kind: "ambient", from: "file", path } } });
  granted(await ask("desk", { kind: "ambient" }));
  refusedWith(await ask("desk", { kind: "token", token: rig.token("agent") }), "IDENTITY_INVALID");
  refusedWith(await ask("main", { kind: "token", token: rig.token("agent") }), "IDENTITY_INVALID");
});

test("the broker decides for itself whether a session may have a credential", async (context) => {
  const rig = await staticRig(context);
  const { port } = await attach(rig.broker);
  const stranger = await identified(port, rig.token("stranger"));
  refusedWith(await exchange(port, stranger), "DENY_NO_POLICY");
  const agent = await identified(port, rig.token("agent"));
  refusedWith(
    await port.exchange({ session: agent, connection: { ...ORDERS, name: "other" } }, forEver),
    "DENY_UNKNOWN_CONNECTION",
  );
  granted(await exchange(port, agent));
  refusedWith(
    await port.exchange({ session: agent, connection: { ...ORDERS, name: "other" } }, forEver),
    "DENY_UNKNOWN_CONNECTION",
  );
  refusedWith(await exchange(port, newSession()), "IDENTITY_MISSING");
  refusedWith(await port.hold(agent, "may I?", forEver), "ASK_NOT_AVAILABLE");

  const late = await identified(port, rig.token("agent"));
  rig.time.ms += 301_000;
  refusedWith(await exchange(port, late), "IDENTITY_EXPIRED");
});

test("what belongs to one data plane is out of another's reach", async (context) => {
  const rig = await staticRig(context);
  const one = await attach(rig.broker, "one");
  const two = await attach(rig.broker, "two");
  const { session, lease } = await exchanged(one.port, rig.token("agent"));
  refusedWith(await exchange(two.port, session), "IDENTITY_MISSING");
  refusedWith(await two.port.renew(lease, forEver), "LEASE_ENDED");
  refusedWith(await two.port.prove(lease, weakChallenge(4096), forEver), "LEASE_ENDED");
  refusedWith(
    await two.port.identify(
      { session, listener: "main", evidence: { kind: "token", token: rig.token("agent") } },
      forEver,
    ),
    "IDENTITY_INVALID",
  );
  await two.port.release(lease, forEver);
  const event = {
    session,
    seq: 0,
    previous: Buffer.alloc(32),
    hash: Buffer.alloc(32),
    leaf: Buffer.from("{}"),
  };
  refusedWith(await two.port.append([event], forEver), "NOT_SUPPORTED");
  granted(await one.port.renew(lease, forEver));
  rig.broker.revoke(session, { code: "REVOKED", publicText: "ended by hand" });
  assert.deepEqual(one.pushes.at(-1), {
    kind: "revoked",
    session,
    refusal: { code: "REVOKED", publicText: "ended by hand" },
  });
  assert.equal(two.pushes.at(-1)?.kind, "plan");
  assert.equal(rig.broker.revoke(session, { code: "REVOKED", publicText: "" }), false);
});

test("as many sessions as policy allows, counted over all data planes", async (context) => {
  const rig = await staticRig(context);
  const policies = [allowing("agent", { limits: { concurrentSessions: 2 } }), allowing("reporter")];
  rig.broker.update(rig.configure({ connections: [connectionKind(rig.spec)], policies }));
  const one = await attach(rig.broker, "one");
  const two = await attach(rig.broker, "two");
  const first = await exchanged(one.port, rig.token("agent"));
  await exchanged(two.port, rig.token("agent"));
  const third = await identified(one.port, rig.token("agent"));
  assert.match(
    refusedWith(await exchange(one.port, third), "LIMIT_CONCURRENT_SESSIONS").publicText,
    /allows 2 sessions/,
  );
  await exchanged(one.port, rig.token("reporter"));
  const many = await Promise.all(
    [1, 2, 3].map(async () => exchange(one.port, await identified(one.port, rig.token("agent")))),
  );
  assert.ok(many.every((answer) => isRefusal(answer)));
  await one.port.release(first.lease, forEver);
  granted(await exchange(one.port, third));
  const asked = await identified(one.port, rig.token("reporter"));
  refusedWith(
    await one.port.exchange({ session: asked, connection: ORDERS, concurrentSessionsMax: 1 }, forEver),
    "LIMIT_CONCURRENT_SESSIONS",
  );
});

test("a Connection or provider whose authority cannot be read is closed, never trusted by default", async (context) => {
  const rig = await staticRig(context);
  const tls = { ca: { file: "/etc/ca.pem" } };
  const guarded = connectionKind({ ...rig.spec, tls });
  const config = rig.configure({ connections: [guarded], policies: [allowing("agent")] });
  const { port, pushes } = await attach(rig.broker);
  const status = rig.broker.update(config);
  assert.match(status.problems[0]?.why ?? "", /ca file \/etc\/ca.pem cannot be read/);
  const push = pushes.at(-1);
  assert.ok(push?.kind === "plan" && push.connections.length === 0);
  refusedWith(await exchange(port, await identified(port, rig.token("agent"))), "DENY_UNKNOWN_CONNECTION");
  assert.deepEqual(
    rig.broker.update({ ...config, authorities: new Map([["/etc/ca.pem", "PEM"]]) }).problems,
    [],
  );
  const mended = pushes.at(-1);
  assert.ok(mended?.kind === "plan" && mended.connections[0]?.spec.tls.caPem === "PEM");
  granted(await exchange(port, await identified(port, rig.token("agent"))));

  const [provider] = config.loaded.identityProviders;
  assert.ok(provider);
  const distrusted = { ...provider, spec: { ...provider.spec, ...tls } };
  rig.broker.update({ ...config, loaded: { ...config.loaded, identityProviders: [distrusted] } });
  const answer = await port.identify(
    { session: newSession(), listener: "main", evidence: { kind: "token", token: rig.token("agent") } },
    forEver,
  );
  assert.match(refusedWith(answer, "IDENTITY_INVALID").publicText, /provider test cannot be used now/);
});
