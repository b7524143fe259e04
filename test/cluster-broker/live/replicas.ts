/** Two replicas of the broker as the chart runs them, and gateways that enrol and dial as the sidecar does. */
import assert from "node:assert/strict";
import { after, before, describe, test, type TestContext } from "node:test";
import type { PlanPush, RevokedPush } from "#core/port/port.ts";
import { isRefusal } from "#core/values/refusal.ts";
import type { BrokerReplica } from "#operator/broker/replica.ts";
import { IDENTITY_PROVIDERS, POLICIES, SECRETS, objectKey } from "#operator/kube/resource.ts";
import { openKube } from "#operator/kube/client.ts";
import { conditionsOf } from "#operator/reconcile/status.ts";
import { NotEnrolled } from "#sidecar/uplink/tls/enrolment.ts";
import { startIssuer } from "#tools/oidc/issuer.ts";
import { eventually } from "#test/chart/support/wait.ts";
import { operate } from "#test/kinds/live/operating.ts";
import { type PodFiles, enrolmentOf } from "#test/port/tls.ts";
import {
  type Gateway,
  dialled,
  filesFor,
  localAgent,
  portsOf,
  startReplica,
  write,
} from "../support/replicas.ts";
import { type Agent, NAMESPACE, type Node, type World, call, forever } from "../support/world.ts";

export function replicaCases(world: () => World): void {
  const opened = new AsyncDisposableStack();
  const replicas: BrokerReplica[] = [];
  let namespace = "";
  let node: Node;

  before(async () => {
    namespace = await world().enforced();
    node = await world().node();
    for (let count = 0; count < 2; count += 1) replicas.push(opened.use(await startReplica(world(), opened)));
  });
  after(() => opened.disposeAsync());

  const filesOf = (agent: Agent): Promise<PodFiles> => filesFor(world(), agent);
  const dial = (files: PodFiles, at: number): Promise<Gateway> =>
    dialled(files, replicas[at] as BrokerReplica);
  const agent = (): Promise<Agent> => localAgent(world(), namespace, node);
  const plan = ({ pushes }: Gateway, is: (plan: PlanPush) => boolean): Promise<PlanPush> =>
    eventually(
      async () => pushes.findLast((push): push is PlanPush => push.kind === "plan" && is(push)),
      () => `no such plan: ${JSON.stringify(pushes.at(-1))}`,
    );
  const namesIn = ({ connections }: PlanPush): readonly string[] =>
    connections.map(({ metadata }) => metadata.name).toSorted();

  describe("replicas", () => {
    test("enrol a pod at one and serve it at the other, with the plan of its class and nothing of others", async () => {
      const one = await agent();
      await using files = await filesOf(one);
      await using first = await dial(files, 0);
      await write(world(), namespace, "orders", "default");
      await write(world(), namespace, "hidden", "somebody-else");
      const told = await plan(first, (push) => namesIn(push).includes("orders"));
      assert.deepEqual(namesIn(told), ["orders"]);
      assert.deepEqual(
        told.policies.map((source) => (source.state === "good" ? source.policy.metadata.name : "broken")),
        ["orders"],
      );
      await using second = await dial(files, 1);
      const again = await plan(second, ({ version }) => version === told.version);
      assert.deepEqual(again, told);
    });

    test("a key that is not the pod's is turned away by both, though it has the pod's token", async () => {
      const one = await agent();
      await using files = await filesOf(one);
      await using _first = await dial(files, 0);
      await using thief = await filesOf(one);
      for (const at of [0, 1])
        await assert.rejects(
          enrolmentOf(thief, portsOf(replicas[at] as BrokerReplica).enrolPort).credential(
            ["127.0.0.1"],
            forever,
          ),
          (error) => error instanceof NotEnrolled && error.refusal.code === "POD_KEY_REFUSED",
        );
    });

    test("tell what gateways apply: Enforced is true to the fact, and the Connection is Ready with its credential", async (t) => {
      const { api } = world().guarded;
      using kube = openKube(await api.asServiceAccount(NAMESPACE, "sallyport-operator"));
      await using operating = operate(kube);
      const one = await agent();
      await using files = await filesOf(one);
      await using gateway = await dial(files, 1);
      await write(world(), namespace, "told", "default");
      const { version } = await plan(gateway, (push) => namesIn(push).includes("told"));
      const status = async () => {
        const found = await world().kube.get(POLICIES, objectKey(namespace, "told"), call);
        const { enforcedBy = "" } = (found?.status ?? {}) as { readonly enforcedBy?: string };
        return `${enforcedBy} ${conditionsOf(found?.status).get("Enforced")?.status ?? ""}`;
      };
      let last = "";
      const becomes = (wanted: string): Promise<unknown> =>
        eventually(
          async () => {
            last = await status();
            return last === wanted ? true : undefined;
          },
          () => `is ${last}, not ${wanted}: ${operating.failures.join()}`,
        );
      await becomes("0/1 Unknown");
      await timed(t, "cluster-broker.applied-to-enforced-ms", async () => {
        gateway.uplink.applied("worker-1", version);
        for (const [what, of] of [
          ["Enforced", "secretaccesspolicy/told"],
          ["Ready", "secretaccesspolicy/told"],
          ["Ready", "connection/told"],
        ]) {
          const words = ["wait", `--for=condition=${what}`, of ?? "", "-n", namespace, "--timeout=30s"];
          const { code, stderr } = await api.kubectl(words);
          assert.equal(code, 0, stderr);
        }
      });
      assert.equal(await status(), "1/1 True");
      await world().kube.delete(SECRETS, objectKey(namespace, "told-db"), call);
      const { code, stderr } = await api.kubectl([
        "wait",
        "--for=jsonpath={.status.conditions[?(@.type=='CredentialAvailable')].reason}=SecretMissing",
        "connection/told",
        "-n",
        namespace,
        "--timeout=30s",
      ]);
      assert.equal(code, 0, stderr);
    });

    test("tell whether an identity provider's keys can be had", async () => {
      const { api } = world().guarded;
      using kube = openKube(await api.asServiceAccount(NAMESPACE, "sallyport-operator"));
      await using _operating = operate(kube);
      const issuer = await startIssuer();
      const found = "{.status.conditions[?(@.type=='KeysAvailable')].reason}";
      const becomes = async (name: string, what: string): Promise<void> => {
        const words = ["wait", `--for=${what}`, `identityprovider/${name}`, "--timeout=30s"];
        const { code, stderr } = await api.kubectl(words);
        assert.equal(code, 0, stderr);
      };
      try {
        for (const [name, at, reason] of [
          ["there", issuer.issuer, "Available"],
          ["away", "http://127.0.0.1:9", "IssuerUnreachable"],
        ] as const) {
          const spec = { issuer: at, audiences: ["sallyport"] };
          await world().kube.apply(
            IDENTITY_PROVIDERS,
            { metadata: { name }, spec },
            { ...call, force: true },
          );
          await becomes(name, `jsonpath=${found}=${reason}`);
        }
        await becomes("there", "condition=Ready");
      } finally {
        await issuer.stop();
        for (const name of ["there", "away"]) await world().kube.delete(IDENTITY_PROVIDERS, name, call);
      }
    });

    test("a session has its credential, and loses it when the policy goes or the pod ends", async (t) => {
      await write(world(), namespace, "shop", "default");
      for (const [why, act] of [
        ["policy", () => world().kube.delete(POLICIES, objectKey(namespace, "shop"), call)],
        ["pod", (of: Agent) => of.gone()],
      ] as const) {
        await write(world(), namespace, "shop", "default");
        const one = await agent();
        await using files = await filesOf(one);
        await using gateway = await dial(files, 0);
        await plan(gateway, (push) => namesIn(push).includes("shop"));
        const session = await open(gateway, namespace);
        await timed(t, `cluster-broker.${why}-gone-ms`, async () => {
          await act(one);
          await revoked(gateway, session);
        });
        const code = why === "pod" ? "POD_ENDED" : "DENY_NO_POLICY";
        await eventually(
          async () => {
            const answer = await identified(gateway, namespace).catch(() => undefined);
            return answer === code ? true : undefined;
          },
          () => `is not refused as ${code}`,
        );
      }
    });
  });
}

let sessions = 0;
function sessionId(): string {
  sessions += 1;
  return Buffer.alloc(16, sessions).toString("base64url");
}

async function open({ uplink }: Gateway, namespace: string): Promise<string> {
  const session = sessionId();
  const evidence = { kind: "ambient" } as const;
  const known = await uplink.identify({ session, listener: "pod", evidence }, forever);
  if (isRefusal(known)) throw new Error(`${known.code}: ${known.publicText}`);
  assert.deepEqual(known.caller.identity.serviceAccount, { namespace, name: "default" });
  const granted = await uplink.exchange({ session, connection: { namespace, name: "shop" } }, forever);
  if (isRefusal(granted)) throw new Error(`${granted.code}: ${granted.publicText}`);
  assert.ok(!isRefusal(await uplink.renew(granted.lease, forever)));
  return session;
}

/** How far a new session comes. */
async function identified({ uplink }: Gateway, namespace: string): Promise<string | undefined> {
  const session = sessionId();
  const known = await uplink.identify({ session, listener: "pod", evidence: { kind: "ambient" } }, forever);
  if (isRefusal(known)) return known.code;
  const granted = await uplink.exchange({ session, connection: { namespace, name: "shop" } }, forever);
  return isRefusal(granted) ? granted.code : undefined;
}

async function revoked({ pushes }: Gateway, session: string): Promise<void> {
  await eventually(
    async () =>
      pushes.find((push): push is RevokedPush => push.kind === "revoked" && push.session === session),
    () => "the session is not ended",
  );
}

async function timed(t: TestContext, figure: string, work: () => Promise<void>): Promise<void> {
  const startMs = performance.now();
  await work();
  t.diagnostic(`figure ${figure}=${(performance.now() - startMs).toFixed(0)}`);
}
