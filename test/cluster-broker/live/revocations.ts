/** `kubectl sallyport revoke` with two replicas of the broker: whom it reaches, by whose right, and that restarts do not undo it. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { PlanPush, RevokedPush } from "#core/port/port.ts";
import { isRefusal } from "#core/values/refusal.ts";
import { readTrail } from "#broker/trail/read.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import type { BrokerReplica } from "#operator/broker/replica.ts";
import { GUARDRAILS, POLICIES } from "#operator/kube/resource.ts";
import { eventually } from "#test/chart/support/wait.ts";
import type { PodFiles } from "#test/port/tls.ts";
import { childOf, permitLaunching } from "../support/family.ts";
import { type Ran, give, plugin } from "../support/people.ts";
import { type Gateway, dialled, filesFor, localAgent, openReplica, write } from "../support/replicas.ts";
import { type Agent, type Node, type World, call, forever } from "../support/world.ts";

interface Served extends AsyncDisposable {
  readonly agent: Agent;
  readonly gateway: Gateway;
  /** Undefined: with a credential. */
  open(): Promise<string | undefined>;
  /** The last that was opened. */
  session(): string;
}

const REASON = "incident 4711";
const NAME = /^lift it +kubectl sallyport revoke lift (\S+)$/m;

export function revocationCases(world: () => World): void {
  const folders = new AsyncDisposableStack();
  let running: AsyncDisposableStack;
  let replicas: readonly BrokerReplica[] = [];
  let states: readonly string[] = [];
  let namespace = "";
  let node: Node;

  const startBoth = async (): Promise<void> => {
    running = new AsyncDisposableStack();
    replicas = await Promise.all(states.map((state) => openReplica(world(), state)));
    for (const replica of replicas) running.use(replica);
  };
  before(async () => {
    namespace = await world().enforced();
    node = await world().node();
    await permitLaunching(world(), namespace);
    states = await Promise.all([0, 1].map(() => mkdtemp(join(tmpdir(), "sallyport-revoke-"))));
    for (const state of states) folders.defer(() => rm(state, { recursive: true, force: true }));
    await startBoth();
    await write(world(), namespace, "shop", "default");
    await handOn(world(), namespace);
    await give(world(), "sallyport-revoke", ["warden"]);
    await give(world(), "lister", ["warden", "viewer"]);
  });
  after(async () => {
    await running.disposeAsync();
    await folders.disposeAsync();
  });

  const as = async (user: string, ...words: readonly string[]): Promise<Ran> => {
    const kubeconfig = await world().guarded.api.kubeconfigOf({ user });
    return plugin(["revoke", ...words, "-n", namespace, "--kubeconfig", kubeconfig]);
  };
  const revoke = async (...words: readonly string[]): Promise<string> => {
    const ran = await as("warden", ...words, "--for", "1h", "--reason", REASON);
    assert.equal(ran.code, 0, ran.err);
    assert.match(ran.out, /^by +warden$/m);
    return NAME.exec(ran.out)?.[1] ?? "";
  };
  const launch = (parent?: Agent): Promise<Agent> =>
    parent === undefined
      ? localAgent(world(), namespace, node)
      : childOf(world(), { namespace, node, ip: "127.0.0.1" }, parent);
  const serve = async (agent: Agent, at: number, known?: PodFiles): Promise<Served> => {
    await using stack = new AsyncDisposableStack();
    const files = known ?? stack.use(await filesFor(world(), agent));
    const gateway = stack.use(await dialled(files, replicas[at] as BrokerReplica));
    await eventually(
      async () =>
        gateway.pushes.find((push): push is PlanPush => push.kind === "plan") !== undefined || undefined,
      () => "no plan has come",
    );
    let last = "";
    const kept = stack.move();
    return {
      agent,
      gateway,
      session: () => last,
      async open() {
        last = sessionId();
        const evidence = { kind: "ambient" } as const;
        const known = await gateway.uplink.identify({ session: last, listener: "pod", evidence }, forever);
        if (isRefusal(known)) return known.code;
        const connection = { namespace, name: "shop" };
        const granted = await gateway.uplink.exchange({ session: last, connection }, forever);
        return isRefusal(granted) ? granted.code : undefined;
      },
      [Symbol.asyncDispose]: () => kept.disposeAsync(),
    };
  };
  const becomes = ({ open }: Served, code: string | undefined): Promise<unknown> => {
    let last: string | undefined;
    return eventually(
      async () => {
        last = await open();
        return last === code ? true : undefined;
      },
      () => `a session is answered with ${last}, not ${code}`,
    );
  };
  const ended = ({ gateway, session }: Served): Promise<RevokedPush> =>
    eventually(
      async () =>
        gateway.pushes.find(
          (push): push is RevokedPush => push.kind === "revoked" && push.session === session(),
        ),
      () => "the session goes on",
    );
  const goesOn = ({ gateway, session }: Served): boolean =>
    !gateway.pushes.some((push) => push.kind === "revoked" && push.session === session());

  describe("revocation", () => {
    test("of a pod ends what it and all below it have, at both replicas, now and later, until it is lifted", async () => {
      const boss = await launch();
      const helper = await launch(boss);
      const grandchild = await launch(helper);
      await using one = await serve(boss, 0);
      await using two = await serve(helper, 1);
      await using three = await serve(grandchild, 0);
      await using other = await serve(await launch(), 1);
      const family = [one, two, three];
      for (const each of [...family, other]) await becomes(each, undefined);
      const name = await revoke("pod", boss.name);
      for (const each of family) {
        const { refusal: why } = await ended(each);
        assert.equal(why.code, "DENY_RULE");
        assert.ok(why.publicText.includes(name) && !why.publicText.includes(REASON), why.publicText);
      }
      await using later = await serve(await launch(grandchild), 1);
      for (const each of [...family, later]) assert.equal(await each.open(), "DENY_RULE");
      assert.ok(goesOn(other), "who is not of the family is left alone");
      assert.equal(await other.open(), undefined);

      const listed = await as("warden", "list");
      assert.match(
        listed.out,
        new RegExp(`^ *${name} +\\S+ +warden +${REASON} +pod ${namespace}/${boss.name} and`, "m"),
      );
      const lifted = await as("warden", "lift", name);
      assert.equal(lifted.code, 0, lifted.err);
      for (const each of [...family, later]) await becomes(each, undefined);
      assert.equal((await as("warden", "lift", name)).code, 1);
    });

    test("is in force after a restart of every replica, and says on each record whom it reached", async () => {
      const boss = await launch();
      const helper = await launch(boss);
      // Their keys are pinned to them, whichever replica they come back to.
      await using bossFiles = await filesFor(world(), boss);
      await using helperFiles = await filesFor(world(), helper);
      const sessions: string[] = [];
      let name = "";
      {
        await using one = await serve(boss, 0, bossFiles);
        await using two = await serve(helper, 1, helperFiles);
        for (const each of [one, two]) {
          await becomes(each, undefined);
          sessions.push(each.session());
        }
        name = await revoke("pod", boss.name);
        await Promise.all([ended(one), ended(two)]);
      }
      await running.disposeAsync();
      for (const [at, state] of states.entries()) {
        const events = await recordIn(state);
        const reached = events.filter(
          (event) => event["kind"] === "sessions.revoked" && event["guardrail"] === name,
        );
        assert.deepEqual(
          reached.map(({ by, because, sessions: which }) => ({ by, because, which })),
          [{ by: "warden", because: REASON, which: [sessions[at]] }],
        );
      }
      await startBoth();
      await using one = await serve(boss, 1, bossFiles);
      await using two = await serve(helper, 0, helperFiles);
      for (const each of [one, two]) assert.equal(await each.open(), "DENY_RULE");
      assert.equal((await as("warden", "lift", name)).code, 0);
      for (const each of [one, two]) await becomes(each, undefined);
    });

    test("of a subtree reaches what is below pods that have ended, and ends what they were allowed to finish", async () => {
      const boss = await launch();
      const middle = await launch(boss);
      const last = await launch(middle);
      await using one = await serve(last, 0);
      await using two = await serve(middle, 1);
      await using three = await serve(boss, 1);
      for (const each of [one, two, three]) await becomes(each, undefined);
      const known = one.session();
      await boss.gone();
      await middle.gone();
      assert.match(
        (await as("warden", "pod", middle.name, "--for", "1h", "--reason", REASON)).err,
        /revoke subtree/,
      );
      assert.ok(goesOn(one), "it may finish what it has begun");
      await revoke("subtree", middle.name);
      assert.equal((await ended(one)).session, known);
    });

    test("of a service account has every pod of it, also one that is made later in another's place", async () => {
      await using one = await serve(await launch(), 0);
      await becomes(one, undefined);
      const name = await revoke("serviceaccount", "default");
      await ended(one);
      await using two = await serve(await launch(), 1);
      assert.equal(await two.open(), "DENY_RULE");
      await as("warden", "lift", name);
      await becomes(two, undefined);
    });

    test("takes a right that those who look have not, and is told how it is given; no other guardrail is lifted by it", async () => {
      const one = await launch();
      const refused = await as("viewer", "pod", one.name, "--for", "1h", "--reason", REASON);
      assert.equal(refused.code, 2);
      assert.match(refused.err, /"viewer" cannot create resource "clustersecretaccesspolicies"/);
      assert.match(refused.err, /--clusterrole sallyport-revoke/);
      const spec = { limits: { rows: 1_000 } };
      await world().kube.apply(GUARDRAILS, { metadata: { name: "rows" }, spec }, { ...call, force: true });
      assert.match((await as("warden", "lift", "rows")).err, /is a guardrail, and no revocation/);
      await world().kube.delete(GUARDRAILS, "rows", call);
      for (const [words, why] of [
        [["--for", "31d", "--reason", REASON], /more than 30 days/],
        [["--for", "soon", "--reason", REASON], /is not a time/],
        [["--for", "1h", "--reason", " "], /1 to 256 characters/],
      ] as const)
        assert.match((await as("warden", "pod", one.name, ...words)).err, why);
    });
  });
}

let sessions = 0;
function sessionId(): string {
  sessions += 1;
  return Buffer.alloc(16, `revocation-${sessions}`).toString("base64url");
}

/** What agents of the account may hand on. */
async function handOn({ kube }: World, namespace: string): Promise<void> {
  const spec = {
    subjects: [{ serviceAccount: { name: "default" } }],
    connections: { names: ["shop"] },
    allow: [{ name: "read", delegate: "also", postgres: { statements: ["read"] } }],
  };
  await kube.apply(POLICIES, { metadata: { namespace, name: "hand-on" }, spec }, { ...call, force: true });
}

async function recordIn(state: string): Promise<readonly Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  for await (const entry of readTrail({ disk: realDisk, directory: join(state, "trail") }))
    if (entry.kind === "leaf") found.push(JSON.parse(Buffer.from(entry.leaf).toString("utf8")));
  return found;
}
