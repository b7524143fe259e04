/** What a revocation does to sessions that are open, and what of it is on record, with a real trail. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Revocations } from "#broker/exchange/revocations.ts";
import type { NoteName } from "#broker/note.ts";
import { readTrail } from "#broker/trail/read.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import type { EventBody } from "#core/audit/event.ts";
import type { PolicySource } from "#core/api/loaded.ts";
import type { RuleRef } from "#core/policy/decision.ts";
import { type RevocationOrder, revocationGuardrail, withAllBelow } from "#core/policy/revocation.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import {
  allowing,
  attach,
  connectionKind,
  exchange,
  exchanged,
  granted,
  identified,
  refusedWith,
  staticRig,
} from "./support/broker.ts";

const HOUR_MS = 3_600_000;
const GUARDRAIL = "revoked-agent-3f9a2c";

type StaticRig = Awaited<ReturnType<typeof staticRig>>;

function revoking(sub: string, untilMs: number, more: Partial<RevocationOrder> = {}): PolicySource {
  const policy = revocationGuardrail({
    scope: "subject",
    about: sub,
    mark: "3f9a2c",
    by: "ada",
    because: "incident 4711",
    whom: `the pipeline ${sub}`,
    untilMs,
    subjects: withAllBelow([{ oidc: { provider: "test", claims: { sub } } }]),
    ...more,
  });
  return { state: "good", origin: `/revocations/${policy.metadata.name}.yaml`, policy };
}

const put = ({ broker, configure, spec }: StaticRig, ...more: readonly PolicySource[]) => {
  const policies = [allowing("agent"), allowing("other"), ...more];
  broker.update(configure({ connections: [connectionKind(spec)], policies }));
};

async function recordIn(folder: string): Promise<readonly Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  for await (const entry of readTrail({ disk: realDisk, directory: join(folder, "trail") }))
    if (entry.kind === "leaf") found.push(JSON.parse(Buffer.from(entry.leaf).toString("utf8")));
  return found;
}

const revocationsIn = async ({ folder, broker }: StaticRig): Promise<readonly object[]> => {
  await broker.settled();
  const events = (await recordIn(folder)).filter(({ kind }) => /revo/.test(String(kind)));
  return events.map(({ v: _v, session: _session, seq: _seq, atMs: _atMs, ...rest }) => rest);
};

describe("a revocation", () => {
  test("ends the sessions of whom it names, lets the others go on, and is on record with whom it reached", async (context) => {
    const rig = await staticRig(context);
    put(rig);
    const { port, pushes } = await attach(rig.broker);
    const [one, two] = [await exchanged(port, rig.token("agent")), await exchanged(port, rig.token("agent"))];
    const other = await exchanged(port, rig.token("other"));
    const untilMs = rig.time.ms + HOUR_MS;
    put(rig, revoking("agent", untilMs));
    const ended = pushes.flatMap((push) => (push.kind === "revoked" ? [push] : []));
    assert.deepEqual(new Set(ended.map(({ session }) => session)), new Set([one.session, two.session]));
    for (const { refusal: why } of ended) {
      assert.equal(why.code, "DENY_RULE");
      assert.match(why.publicText, /access is revoked until .*revoked-agent-3f9a2c/);
    }
    refusedWith(await exchange(port, await identified(port, rig.token("agent"))), "DENY_RULE");
    granted(await exchange(port, await identified(port, rig.token("other"))));
    assert.ok(!ended.some(({ session }) => session === other.session));
    const said = { guardrail: GUARDRAIL, by: "ada", because: "incident 4711" };
    const [enforced, reached, ...more] = await revocationsIn(rig);
    assert.deepEqual(enforced, {
      kind: "revocation.enforced",
      ...said,
      whom: "the pipeline agent",
      untilMs: Math.floor(untilMs / 1_000) * 1_000,
    });
    assert.deepEqual(reached, {
      kind: "sessions.revoked",
      ...said,
      sessions: [one.session, two.session],
    });
    assert.deepEqual(more, []);
  });

  test("that is lifted, or over, gives new sessions again, and that is on record too", async (context) => {
    const rig = await staticRig(context);
    put(rig);
    const { port } = await attach(rig.broker);
    const isRefused = async (): Promise<boolean> =>
      "code" in (await exchange(port, await identified(port, rig.token("agent"))));
    put(rig, revoking("agent", rig.time.ms + HOUR_MS));
    assert.ok(await isRefused());
    put(rig);
    assert.ok(!(await isRefused()));
    put(rig, revoking("agent", rig.time.ms + HOUR_MS, { mark: "second" }));
    assert.ok(await isRefused());
    rig.time.ms += HOUR_MS;
    rig.broker.sweep();
    assert.ok(!(await isRefused()));
    put(rig);
    const told = (await revocationsIn(rig)).map((event) =>
      "how" in event && "guardrail" in event ? `${event.guardrail} ${event.how}` : "",
    );
    assert.deepEqual(
      told.filter((text) => text !== ""),
      [`${GUARDRAIL} lifted`, "revoked-agent-second expired"],
    );
  });

  test("is in force again when the broker has been started anew, before anybody is given anything", async (context) => {
    const before = await staticRig(context);
    put(before, revoking("agent", before.time.ms + HOUR_MS));
    await before.broker[Symbol.asyncDispose]();
    await before.trail[Symbol.asyncDispose]();
    const rig = await staticRig(context, { folder: before.folder, time: before.time });
    put(rig, revoking("agent", rig.time.ms + HOUR_MS));
    const { port } = await attach(rig.broker);
    refusedWith(await exchange(port, await identified(port, rig.token("agent"))), "DENY_RULE");
    const kinds = (await revocationsIn(rig)).map((event) => "kind" in event && event.kind);
    assert.deepEqual(kinds, ["revocation.enforced", "revocation.enforced"]);
  });
});

describe("what is put on record of it", () => {
  const denier = (policy: string, kind: RuleRef["kind"] = "ClusterSecretAccessPolicy"): RuleRef => ({
    kind,
    policy,
    hash: "sha256:0",
    effect: "deny",
    rule: "postgres",
  });
  const recorder = (answers: (body: EventBody) => Refusal | undefined) => {
    const said: EventBody[] = [];
    const notes: NoteName[] = [];
    const say = async (body: EventBody) => {
      const refused = answers(body);
      if (refused === undefined) said.push(body);
      return refused;
    };
    const note = (name: NoteName) => void notes.push(name);
    return { said, notes, revocations: new Revocations({ trail: { say }, note, now: () => 0 }) };
  };

  test("waits while the trail cannot be written, in order, and operators hear of it once", async () => {
    let isFailing = true;
    const { said, notes, revocations } = recorder(() =>
      isFailing ? refusal("TRAIL_UNAVAILABLE") : undefined,
    );
    revocations.update([revoking("agent", HOUR_MS)]);
    revocations.ended("session-1", denier(GUARDRAIL));
    for (let count = 0; count < 3; count += 1) await revocations.settled();
    assert.deepEqual(said, []);
    assert.equal(notes.filter((name) => name === "revocation.not-recorded").length, 1);
    isFailing = false;
    await revocations.settled();
    assert.deepEqual(
      said.map(({ kind }) => kind),
      ["revocation.enforced", "sessions.revoked"],
    );
  });

  test("is of sessions that a revocation ended, and of no other guardrail or policy, in events of bounded size", async () => {
    const { said, revocations } = recorder(() => undefined);
    const plain = revoking("plain", HOUR_MS);
    assert.ok(plain.state === "good");
    const { labels: _labels, ...metadata } = plain.policy.metadata;
    const unlabelled = { ...plain, policy: { ...plain.policy, metadata } } as PolicySource;
    revocations.update([revoking("agent", HOUR_MS), unlabelled]);
    for (let count = 0; count < 600; count += 1) revocations.ended(`session-${count}`, denier(GUARDRAIL));
    revocations.ended("a", denier(metadata.name));
    revocations.ended("b", denier(GUARDRAIL, "SecretAccessPolicy"));
    revocations.ended("c", undefined);
    await revocations.settled();
    const sizes = said.flatMap((body) => (body.kind === "sessions.revoked" ? [body.sessions.length] : []));
    assert.deepEqual(sizes, [256, 256, 88]);
  });
});
