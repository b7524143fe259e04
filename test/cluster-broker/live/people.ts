/** `kubectl sallyport` against two replicas: what people may see and end is what the cluster's rights say. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { realDisk } from "#broker/trail/real-disk.ts";
import { readTrail } from "#broker/trail/read.ts";
import { parseLeaf } from "#core/audit/leaf.ts";
import { PEOPLE_PATHS, PEOPLE_SIGNER, requestNameOf } from "#core/port/people.ts";
import type { PlanPush, RevokedPush } from "#core/port/port.ts";
import { isRefusal } from "#core/values/refusal.ts";
import { askHttps } from "#cli/cluster/https.ts";
import { personIn } from "#operator/broker/people.ts";
import type { BrokerReplica } from "#operator/broker/replica.ts";
import { AUTHORITY_CONFIG_MAP } from "#operator/names.ts";
import { CERTIFICATE_REQUESTS, CONFIG_MAPS, objectKey } from "#operator/kube/resource.ts";
import { makeOwnKey } from "#runtime/certificate/make.ts";
import { eventually } from "#test/chart/support/wait.ts";
import { SERVER_NAME } from "#test/port/tls.ts";
import { type Ran, denied, give, plugin, running } from "../support/people.ts";
import {
  type Gateway,
  dialled,
  filesFor,
  localAgent,
  portsOf,
  type TestReplica,
  startReplica,
  write,
} from "../support/replicas.ts";
import { type Agent, NAMESPACE, type Node, type World, call, forever } from "../support/world.ts";

interface Held extends AsyncDisposable {
  readonly session: string;
  readonly pod: string;
  readonly agent: Agent;
  readonly gateway: Gateway;
}

export function peopleCases(world: () => World): void {
  const opened = new AsyncDisposableStack();
  const replicas: TestReplica[] = [];
  let namespace = "";
  let other = "";
  let node: Node;

  before(async () => {
    namespace = await world().enforced();
    other = await world().enforced();
    node = await world().node();
    for (let count = 0; count < 2; count += 1) replicas.push(opened.use(await startReplica(world(), opened)));
    await write(world(), namespace, "shop", "default");
    await write(world(), other, "shop", "default");
    await give(world(), "reach", ["viewer", "responder", "chief", "nobody"]);
    await give(world(), "sallyport-view", ["viewer"], namespace);
    await give(world(), "sallyport-respond", ["responder"], namespace);
    await give(world(), "sallyport-respond", ["chief"]);
    await give(world(), "looker", ["viewer", "overseer"]);
    await give(world(), "sallyport-view", ["overseer"]);
  });
  after(() => opened.disposeAsync());

  const command = async (user: string, words: readonly string[]): Promise<Ran> => {
    const kubeconfig = await world().guarded.api.kubeconfigOf({ user });
    return plugin([...words, "--kubeconfig", kubeconfig]);
  };
  const asking = (
    user: string,
    words: readonly string[],
    brokers: readonly BrokerReplica[] = replicas,
  ): Promise<Ran> => {
    const at = brokers.flatMap((replica) => ["--broker", `127.0.0.1:${portsOf(replica).enrolPort}`]);
    return command(user, [...words, ...at]);
  };
  let held = 0;
  const session = async (at: number, where = namespace): Promise<Held> => {
    const agent = await localAgent(world(), where, node);
    await using stack = new AsyncDisposableStack();
    const files = stack.use(await filesFor(world(), agent));
    const gateway = stack.use(await dialled(files, replicas[at] as BrokerReplica));
    await eventually(
      async () => gateway.pushes.find((push) => push.kind === "plan" && push.connections.length > 0),
      () => "no plan has come",
    );
    held += 1;
    const id = Buffer.alloc(16, 200 + held).toString("base64url");
    const evidence = { kind: "ambient" } as const;
    const known = await gateway.uplink.identify({ session: id, listener: "pod", evidence }, forever);
    if (isRefusal(known)) throw new Error(`${known.code}: ${known.publicText}`);
    const connection = { namespace: where, name: "shop" };
    const lease = await gateway.uplink.exchange({ session: id, connection }, forever);
    if (isRefusal(lease)) throw new Error(`${lease.code}: ${lease.publicText}`);
    const report = { session: id, connection, caller: "an agent", sinceMs: 0, statements: 3, rows: 12 };
    gateway.uplink.report({ worker: "worker-1", planVersion: "", sessions: [report] });
    await eventually(
      async () => {
        const workers = replicas[at]?.broker.status().workers ?? [];
        return workers.find((worker) => worker.report?.sessions.some((each) => each.session === id));
      },
      () => "the report has not come",
    );
    const kept = stack.move();
    return {
      session: id,
      pod: agent.name,
      agent,
      gateway,
      [Symbol.asyncDispose]: () => kept.disposeAsync(),
    };
  };
  const isRevoked = ({ gateway, session: id }: Held): boolean =>
    gateway.pushes.some((push): push is RevokedPush => push.kind === "revoked" && push.session === id);

  describe("people", () => {
    test("see the sessions of both replicas, of the namespace that they may look into", async () => {
      await using first = await session(0);
      await using second = await session(1);
      await using elsewhere = await session(1, other);
      const seen = await asking("viewer", ["sessions", "-n", namespace]);
      assert.equal(seen.code, 0, seen.err);
      for (const { session: id, pod } of [first, second])
        assert.match(
          seen.out,
          new RegExp(`${id} +${namespace}/${pod} +${namespace}/shop +1970-01-01T00:00:00Z +3 +12`),
        );
      assert.ok(!seen.out.includes(elsewhere.session));
      const refused = await asking("viewer", ["sessions", "-n", other]);
      assert.equal(refused.code, 2);
      assert.match(
        refused.err,
        new RegExp(`viewer may not list sessions.sallyport.dev in namespace ${other}; it is given by`),
      );
      assert.ok((await asking("chief", ["sessions", "-A"])).out.includes(elsewhere.session));
      assert.match((await asking("viewer", ["sessions", "-A"])).err, /in the whole cluster/);
    });

    test("do what the refusal says, and then they may", async () => {
      await using one = await session(0);
      const refused = await asking("nobody", ["sessions", "-n", namespace]);
      const [, command = ""] = /^ {2}kubectl (.*)$/m.exec(refused.err) ?? [];
      const words = command.replace("NAME", "given").replaceAll("'", "").split(" ");
      const given = await world().guarded.api.kubectl(words);
      assert.equal(given.code, 0, given.stderr);
      const seen = await eventually(
        async () => {
          const again = await asking("nobody", ["sessions", "-n", namespace, "-o", "json"]);
          return again.code === 0 ? again : undefined;
        },
        () => "the right is not in force",
      );
      const { sessions } = JSON.parse(seen.out) as { readonly sessions: readonly { session: string }[] };
      assert.ok(sessions.some((each) => each.session === one.session));
    });

    test("end a session at whichever replica has it, by their right alone, and by name on record", async () => {
      await using one = await session(1);
      await using elsewhere = await session(0, other);
      const refused = await asking("viewer", ["kill", one.session, "-n", namespace]);
      assert.match(refused.err, /viewer may not delete sessions.sallyport.dev/);
      assert.ok(!isRevoked(one));
      // Of a namespace in which it is nobody's to end, though its id is known.
      const missed = await asking("responder", ["kill", elsewhere.session, "-n", namespace]);
      assert.equal(missed.code, 1);
      assert.ok(!isRevoked(elsewhere));
      const killed = await asking("responder", ["kill", one.session, "-n", namespace]);
      assert.deepEqual([killed.code, killed.out], [0, `1 session ended\n  ${one.session}\n`]);
      await eventually(
        async () => isRevoked(one) || undefined,
        () => "the gateway has not been told",
      );
      assert.deepEqual(await killsOnRecord(replicas[1]), [{ by: "responder", sessions: [one.session] }]);
      const all = await asking("chief", ["kill", "-A", "--pod", elsewhere.pod]);
      assert.deepEqual([all.code, all.out], [0, `1 session ended\n  ${elsewhere.session}\n`]);
    });

    test("are told of a replica that does not answer", async () => {
      await using one = await session(0);
      const nowhere = { host: "127.0.0.1", port: 1 };
      const away = { serving: { requests: nowhere, gateways: nowhere } } as BrokerReplica;
      const half = await asking(
        "viewer",
        ["sessions", "-n", namespace],
        [replicas[0] as BrokerReplica, away],
      );
      assert.equal(half.code, 1);
      assert.ok(half.out.includes(one.session));
      assert.match(
        half.err,
        /note: 1 broker did not answer, and what only they know is missing\n {2}127\.0\.0\.1:1: /,
      );
      const none = await asking("viewer", ["sessions", "-n", namespace], [away]);
      assert.equal(none.code, 2);
      assert.match(none.err, /no broker answers/);
    });

    test("see how the brokers are, when that is theirs to see", async () => {
      const seen = await asking("chief", ["status"]);
      assert.equal(seen.code, 0, seen.out + seen.err);
      assert.equal(seen.out.match(/ can be written/g)?.length, 2);
      assert.match((await asking("responder", ["status"])).err, /may not get brokers.sallyport.dev/);
    });

    test("without a way to the brokers hear what it takes", async () => {
      const { err, code } = await asking("stranger", ["sessions"]);
      assert.equal(code, 2);
      assert.match(err, /"stranger" cannot (get|create) resource/);
      assert.match(err, /create clusterrolebinding NAME --clusterrole sallyport-reach/);
    });

    test("read on the pod what its gateway was refused, with the next command", async () => {
      await using one = await session(0);
      const { gateway, pod } = one;
      const code = "DESTINATION_UNKNOWN" as const;
      gateway.uplink.report({
        worker: "worker-1",
        planVersion: "",
        sessions: [],
        refused: [{ about: "db.other:5432", code, count: 1, atMs: Date.now() }],
      });
      const { api } = world().guarded;
      const described = await eventually(
        async () => {
          const { stdout } = await api.kubectl(["describe", "pod", "-n", namespace, pod]);
          return stdout.includes("ConnectionRefused") ? stdout : undefined;
        },
        () => "nothing is told",
      );
      assert.match(described, /db\.other:5432: no connection .* \(DESTINATION_UNKNOWN\)/);
      assert.ok(described.includes(`kubectl sallyport diagnose -n ${namespace} ${pod}`));
    });

    test("find out what is wrong with a pod, and hear what they may not see", async () => {
      await using one = await session(1);
      const { gateway, pod, agent } = one;
      const plan = gateway.pushes.findLast((push): push is PlanPush => push.kind === "plan");
      gateway.uplink.applied("worker-1", plan?.version ?? "");
      await agent.status(running());
      const diagnosed = (): Promise<Ran> => asking("viewer", ["diagnose", "-n", namespace, pod]);
      const well = await eventually(
        async () => {
          const ran = await diagnosed();
          return ran.out.includes("applies the newest policy") ? ran : undefined;
        },
        () => "the plan is not applied",
      );
      assert.equal(well.code, 0, well.out);
      for (const line of [
        `  ok       namespace           ${namespace} bears the label sallyport.dev/enforce`,
        "  ok       gateway             it runs and is ready",
        "  ok       trust               the pod is as it was admitted",
        `  ok       policy              ${namespace}/shop`,
        "  db.example.com:5432",
        "nothing wrong was found",
      ])
        assert.ok(well.out.includes(line), `${line}\n${well.out}`);
      assert.match(well.out, /unknown {2}admission .*"viewer" cannot get resource/);
      const code = "DESTINATION_UNKNOWN" as const;
      const refused = [{ about: "orders:5432", code, count: 3, atMs: Date.now() }];
      gateway.uplink.report({ worker: "worker-1", planVersion: "", sessions: [], refused });
      const told = await eventually(
        async () => {
          const ran = await diagnosed();
          return ran.out.includes("refused lately") ? ran : undefined;
        },
        () => "nothing was refused",
      );
      assert.match(
        told.out,
        /orders:5432 {2}3 times.*\n.*\(DESTINATION_UNKNOWN\)\n {4}next: A Connection in/,
      );
      await agent.status(running({ reason: "CrashLoopBackOff" }));
      const ill = await diagnosed();
      assert.equal(ill.code, 1);
      assert.match(ill.out, /wrong {4}gateway +gw waits: CrashLoopBackOff\n +next: kubectl -n/);
      assert.match(
        (await asking("viewer", ["diagnose", "-n", namespace, "other"])).err,
        /there is no pod other/,
      );
    });

    test("ask what the cluster's policies decide, and nothing without the guardrails", async () => {
      await using one = await session(0);
      const question = ["explain", "-n", namespace, "--pod", one.pod, "--connection", `${namespace}/shop`];
      const explained = (user: string, statement: string) =>
        command(user, [...question, "--statement", statement]);
      assert.equal((await explained("overseer", "select 1")).code, 0);
      const refused = await explained("overseer", "drop table orders");
      assert.equal(refused.code, 1, refused.err);
      assert.match(refused.out, /DENY_NO_RULE/);
      const lacking = await explained("viewer", "select 1");
      assert.equal(lacking.code, 2);
      assert.match(
        lacking.err,
        /"viewer" cannot list resource "(?:clustersecretaccesspolicies|identityproviders)"/,
      );
    });

    test("are who the API server says: not a key that nobody has vouched for, nor a request for another purpose", async () => {
      const authority = await world().kube.get(
        CONFIG_MAPS,
        objectKey(NAMESPACE, AUTHORITY_CONFIG_MAP.name),
        call,
      );
      const ask = async (key: ReturnType<typeof makeOwnKey>) =>
        askHttps(
          {
            host: "127.0.0.1",
            port: portsOf(replicas[0] as BrokerReplica).enrolPort,
            serverName: SERVER_NAME,
            ca: authority?.data?.[AUTHORITY_CONFIG_MAP.member] ?? "",
            ...key,
          },
          { method: "GET", path: PEOPLE_PATHS.sessions, body: undefined },
          forever,
        );
      const request = async (key: ReturnType<typeof makeOwnKey>, signerName: string) =>
        world().kube.create(
          CERTIFICATE_REQUESTS,
          {
            metadata: { name: requestNameOf(key.publicKey) },
            spec: {
              signerName,
              request: Buffer.from(key.requestPem).toString("base64"),
              usages: ["client auth"],
            },
          },
          call,
        );
      const fresh = () => makeOwnKey("administrator", Date.now(), 60_000);
      assert.equal((await ask(fresh())).status, 401);
      const abused = fresh();
      await request(abused, "example.com/other");
      assert.equal((await ask(abused)).status, 401);
      const good = fresh();
      await request(good, PEOPLE_SIGNER);
      assert.equal((await ask(good)).status, 200);
      await denied(world(), requestNameOf(good.publicKey));
      assert.deepEqual(await ask(good), {
        status: 401,
        body: { problem: "the CertificateSigningRequest was denied" },
      });
    });
  });

  test("a request says who for ten minutes, and nothing before its time or without a name", () => {
    const madeMs = Date.parse("2026-11-26T12:00:00Z");
    const request = (spec: object) => ({
      metadata: { creationTimestamp: "2026-11-26T12:00:00Z" },
      spec: { signerName: PEOPLE_SIGNER, username: "ann", groups: ["ops"], ...spec },
    });
    assert.deepEqual(personIn(request({}), madeMs + 599_000), { name: "ann", groups: ["ops"], extra: {} });
    for (const [spec, atMs] of [
      [{}, madeMs + 600_000],
      [{}, madeMs - 61_000],
      [{ username: "" }, madeMs],
      [{ username: undefined }, madeMs],
      [{ signerName: "kubernetes.io/kube-apiserver-client" }, madeMs],
    ] as const)
      assert.ok("problem" in personIn(request(spec), atMs), JSON.stringify(spec));
    assert.ok("problem" in personIn({ ...request({}), metadata: {} }, madeMs));
    assert.notEqual(requestNameOf(newKey()), requestNameOf(newKey()));
  });
}

async function killsOnRecord(replica: TestReplica | undefined): Promise<readonly object[]> {
  const directory = join(replica?.state ?? "", "trail");
  const kills: object[] = [];
  for await (const entry of readTrail({ disk: realDisk, directory })) {
    const event = entry.kind === "leaf" ? parseLeaf(entry.leaf) : undefined;
    if (event?.["kind"] === "sessions.killed") kills.push({ by: event["by"], sessions: event["sessions"] });
  }
  return kills;
}

const newKey = () => generateKeyPairSync("ec", { namedCurve: "prime256v1" }).publicKey;
