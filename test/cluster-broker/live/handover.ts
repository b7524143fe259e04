/** A role lives as long as a session that has it, whichever replica goes, and no longer; and it is one replica's to take back. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import type { NoteName } from "#broker/note.ts";
import type { Administrator } from "#broker/sources/postgres-role/client.ts";
import type { Credential, CredentialRequest } from "#broker/sources/source.ts";
import { type Refusal, isRefusal } from "#core/values/refusal.ts";
import { GONE_AFTER_MS, type LeaseJournal, openLeaseJournal } from "#operator/broker/lease-journal.ts";
import { KubeError } from "#operator/kube/error.ts";
import { LEASES } from "#operator/kube/resource.ts";
import type { Kube } from "#operator/kube/client.ts";
import { openLog } from "#runtime/log.ts";
import {
  type Database,
  type Minting,
  mintedRoles,
  signIn,
  startDatabase,
  startMinting,
} from "#test/broker/support/upstream.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { NAMESPACE, type World, call, forever } from "../support/world.ts";

const LINGER_MS = 5_000;
type JournalKube = Pick<Kube, "get" | "create" | "update" | "delete" | "list">;
const log = openLog({ write: () => undefined, nowMs: Date.now, level: "error" });

interface Session {
  readonly subject: string;
  credential: Credential;
  /** At which replica; undefined once that has gone. */
  at: number | undefined;
  readonly live: Administrator;
}

interface Step {
  readonly do: "open" | "close" | "kill" | "stop" | "start" | "part" | "second" | "move" | "linger";
  /** Which replica. */
  readonly at: 0 | 1;
}

const at = fc.constantFrom(0 as const, 1 as const);
const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constantFrom("open", "open", "close", "second"), at }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constantFrom("kill", "stop", "part"), at }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("start"), at }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("move", "linger"), at }) },
  ),
  { minLength: 8, maxLength: 20 },
) as fc.Arbitrary<readonly Step[]>;

/** Two replicas over one API server and one database, and sessions that go on with whichever is there. */
class Fleet implements AsyncDisposable {
  readonly #database: Database;
  readonly #kube: JournalKube;
  readonly #names = [`a-${randomUUID()}`, `b-${randomUUID()}`] as const;
  readonly #replicas = new Map<number, Minting & { readonly journal: LeaseJournal }>();
  readonly sessions = new Set<Session>();
  readonly notes: NoteName[] = [];
  readonly #subjects = [`pod|${randomUUID()}`, `pod|${randomUUID()}`] as const;
  /** The clock of all of them. */
  readonly #time = { ms: Date.now(), now: () => this.#time.ms };
  moved = 0;

  constructor(database: Database, kube: JournalKube) {
    this.#database = database;
    this.#kube = kube;
  }

  async run(step: Step): Promise<void> {
    if (step.do === "move") return this.move();
    if (step.do === "linger") return this.pass(LINGER_MS);
    const replica = this.#replicas.get(step.at);
    if (step.do === "start") return this.start(step.at);
    if (replica === undefined) return;
    const own = [...this.sessions].filter((session) => session.at === step.at);
    switch (step.do) {
      case "open":
        return void (await this.open(step.at, this.sessions.size % 2));
      case "second":
        return this.#second(own[0]);
      case "close":
        return own[0] && this.close(own[0]);
      case "part":
        // It is heard of no more, and thinks what it likes of its sessions once they have gone on elsewhere.
        return this.#part(step.at, own);
      case "kill":
        await replica.source.settled();
        this.#gone(step.at, own);
        return;
      case "stop":
        for (const { credential } of own) credential.end("left");
        await replica[Symbol.asyncDispose]();
        this.#gone(step.at, own);
    }
  }

  async start(which: number): Promise<void> {
    if (this.#replicas.has(which)) return;
    const name = this.#names[which] ?? "";
    const time = this.#time;
    const clock = {
      monotonicMs: time.now,
      wallMs: time.now,
      sleep: () => Promise.reject(new Error("never")),
    };
    const options = { kube: this.#kube, namespace: NAMESPACE, name, clock, log, lookEveryMs: Infinity };
    const journal = await openLeaseJournal(options, forever);
    const { folder } = this.#database;
    const minting = await startMinting({ folder, journal, broker: name, time, lingerMs: LINGER_MS });
    this.#replicas.set(which, { ...minting, journal });
  }

  async open(which: number, subject: number): Promise<Session> {
    const { upstream } = this.#database;
    const credential = await this.lease(which, this.#subjects[subject] ?? "");
    assert.ok(!isRefusal(credential), JSON.stringify(credential));
    const live = await signIn(upstream, credential);
    const session = { subject: this.#subjects[subject] ?? "", credential, at: which, live };
    this.sessions.add(session);
    return session;
  }

  async lease(which: number, subject: string, user?: string): Promise<Credential | Refusal> {
    const replica = this.#replicas.get(which);
    assert.ok(replica);
    const { upstream } = this.#database;
    const asked: CredentialRequest = { upstream, subject, untilMs: 0 };
    const known = user === undefined ? asked : { ...asked, user };
    const credential = await replica.source.lease(known, forever);
    this.notes.push(...replica.notes.splice(0).map(([name]) => name));
    return credential;
  }

  async close(session: Session): Promise<void> {
    this.sessions.delete(session);
    session.live[Symbol.dispose]();
    if (session.at !== undefined) session.credential.end("released");
    await this.#settled();
  }

  /** As their gateways do: to any replica that answers. */
  async move(): Promise<void> {
    const [to] = [...this.#replicas.keys()];
    if (to === undefined) return;
    for (const session of this.sessions) {
      if (session.at !== undefined) continue;
      const next = await this.lease(to, session.subject, session.credential.user);
      assert.ok(!isRefusal(next), `${JSON.stringify(next)}: ${this.notes.join(" ")}`);
      assert.equal(next.user, session.credential.user);
      session.credential = next;
      session.at = to;
      this.moved += 1;
    }
  }

  async pass(ms: number): Promise<void> {
    this.#time.ms += ms;
    for (const [, { source }] of this.#replicas) source.sweep([this.#database.upstream]);
    await this.#settled();
  }

  async look(): Promise<void> {
    for (const [, { journal }] of this.#replicas) await journal.look(forever);
  }

  get isAlive(): boolean {
    return this.#replicas.size > 0;
  }

  async assertLive(): Promise<void> {
    for (const { live } of this.sessions)
      assert.deepEqual(await live.query("SELECT 1 AS one"), [{ one: "1" }]);
  }

  async roles(): Promise<readonly string[]> {
    return mintedRoles(this.#database.root);
  }

  /** Of these replicas. */
  async entries(): Promise<number> {
    const { items } = await this.#kube.list(LEASES, { namespace: NAMESPACE, ...call });
    return items.filter(({ spec }) => this.#names.some((name) => name === spec?.holderIdentity)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.sessions) session.live[Symbol.dispose]();
    for (const [, replica] of this.#replicas) await replica[Symbol.asyncDispose]();
  }

  async #settled(): Promise<void> {
    for (const [, { source }] of this.#replicas) await source.settled();
  }

  /** A login beside the one there is, as for a look into the catalog. */
  async #second(session: Session | undefined): Promise<void> {
    if (session === undefined) return;
    using other = await signIn(this.#database.upstream, session.credential);
    assert.deepEqual(await other.query("SELECT 1 AS one"), [{ one: "1" }]);
  }

  #gone(which: number, own: readonly Session[]): void {
    this.#replicas.delete(which);
    for (const session of own) session.at = undefined;
  }

  /** Both live; the sessions of one go on at the other, and some time later the first one gives them up. */
  async #part(from: number, own: readonly Session[]): Promise<void> {
    if (!this.#replicas.has(1 - from) || own.length === 0) return;
    const before = own.map(({ credential }) => credential);
    for (const session of own) {
      const next = await this.lease(1 - from, session.subject, session.credential.user);
      assert.ok(!isRefusal(next), JSON.stringify(next));
      session.credential = next;
      session.at = 1 - from;
      this.moved += 1;
    }
    for (const credential of before) credential.end("revoked");
    await this.#settled();
  }
}

export function handoverCases(world: () => World): void {
  describe("a minted role", { skip: skipWithoutPostgres(18) }, () => {
    let database: Database;
    before(async () => {
      database = await startDatabase(18);
    });
    after(() => database?.[Symbol.asyncDispose]());
    const fleet = async (): Promise<Fleet> => {
      const made = new Fleet(database, world().brokerKube);
      await made.start(0);
      await made.start(1);
      return made;
    };

    test("outlives whichever replica made it while a session has it, and no session by more than it lingers", async (t) => {
      let moved = 0;
      const property = fc.asyncProperty(steps, async (all) => {
        await using one = await fleet();
        for (const step of all) {
          await one.run(step);
          await one.assertLive();
        }
        await one.start(0);
        await one.start(1);
        await one.move();
        await one.assertLive();
        moved += one.moved;
        for (const session of one.sessions) await one.close(session);
        // What was closed while its replica was away is nobody's until nobody can be going on with it.
        await one.pass(LINGER_MS);
        const late = await one.roles();
        assert.ok(late.length <= all.length);
        await one.pass(GONE_AFTER_MS);
        assert.deepEqual(await one.roles(), []);
        assert.equal(await one.entries(), 0);
      });
      await fc.assert(property, { numRuns: fuzzRuns(6), ...fuzzSeed(), endOnFailure: true });
      t.diagnostic(`figure cluster-broker.roles-handed-over=${moved}`);
    });

    test("is taken on with a key of its own: logins go on at the next replica, and the first one's are over", async () => {
      await using one = await fleet();
      const session = await one.open(0, 0);
      const old = session.credential;
      await one.run({ do: "part", at: 0 });
      await one.run({ do: "second", at: 1 });
      await assert.rejects(signIn(database.upstream, old), /LEASE_ENDED|lease|ended/i);
      assert.equal((await one.roles()).length, 1);
      assert.ok(one.notes.includes("role.taken-on"));
      // Back to where it came from, which had it once.
      await one.run({ do: "part", at: 1 });
      await one.run({ do: "second", at: 0 });
      await one.close(session);
      await one.pass(LINGER_MS);
      assert.deepEqual(await one.roles(), []);
    });

    test("is shared by all sessions that bring it, and is another than that of a session that came before them", async () => {
      await using one = await fleet();
      const sessions = await Promise.all([0, 0, 0].map((subject) => one.open(0, subject)));
      await one.run({ do: "kill", at: 0 });
      const newcomer = await one.open(1, 0);
      const [old] = sessions.map(({ credential }) => credential.user);
      assert.notEqual(newcomer.credential.user, old);
      await one.move();
      await one.assertLive();
      for (const session of sessions) await one.close(session);
      await one.pass(LINGER_MS);
      assert.deepEqual(await one.roles(), [newcomer.credential.user]);
    });

    test("is given to no other subject, whatever name a session brings, and to none when it is going", async () => {
      await using one = await fleet();
      const session = await one.open(0, 0);
      const { user } = session.credential;
      await one.run({ do: "kill", at: 0 });
      for (const [subject, name] of [
        ["pod|thief", user],
        [session.subject, "postgres"],
        [session.subject, "orders_agent"],
      ] as const) {
        const refused = await one.lease(1, subject, name);
        assert.ok(isRefusal(refused) && refused.code === "LEASE_ENDED", JSON.stringify(refused));
      }
      await one.assertLive();
      // The twin: whose it is.
      await one.move();
      await one.close(session);
      await one.pass(LINGER_MS);
      const refused = await one.lease(1, session.subject, user);
      assert.ok(isRefusal(refused) && refused.code === "LEASE_ENDED");
      assert.deepEqual(await one.roles(), []);
    });

    test("stays, and is asked for again, while the API server cannot say whose it is", async () => {
      let isAway = false;
      const { brokerKube } = world();
      const failing = (): never => {
        throw new KubeError({
          status: 503,
          reason: "ServiceUnavailable",
          message: "away",
          retryAfterMs: undefined,
        });
      };
      const kube: JournalKube = {
        get: async (...asked) => (isAway ? failing() : brokerKube.get(...asked)),
        update: async (...asked) => (isAway ? failing() : brokerKube.update(...asked)),
        create: (...asked) => brokerKube.create(...asked),
        delete: (...asked) => brokerKube.delete(...asked),
        list: (...asked) => brokerKube.list(...asked),
      };
      await using one = new Fleet(database, kube);
      await one.start(0);
      await one.start(1);
      const session = await one.open(0, 0);
      await one.run({ do: "kill", at: 0 });
      isAway = true;
      const refused = await one.lease(1, session.subject, session.credential.user);
      assert.ok(isRefusal(refused) && refused.code === "CREDENTIAL_UNAVAILABLE", JSON.stringify(refused));
      await one.assertLive();
      isAway = false;
      await one.move();
      // Nor is it taken back while it cannot be told whether it may be.
      isAway = true;
      await one.close(session);
      await one.pass(LINGER_MS);
      assert.equal((await one.roles()).length, 1);
      isAway = false;
      await one.pass(60_000);
      assert.deepEqual(await one.roles(), []);
    });
  });
}
