/** Tokens for the API server, as pods have them through the broker: whose they are, what the API server says of them, when they end. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { AuthenticationV1Api, KubeConfig, type V1UserInfo } from "@kubernetes/client-node";
import type { TokenWanted } from "#broker/pods/pods.ts";
import { kubernetesTokenSource } from "#broker/sources/kubernetes-token.ts";
import type { CredentialRequest } from "#broker/sources/source.ts";
import type { Proof } from "#core/port/port.ts";
import { isRefusal } from "#core/values/refusal.ts";
import { type Agent, type Node, type World, forever } from "../support/world.ts";

const TEN_MINUTES_MS = 10 * 60_000;

export function apiTokenCases(world: () => World): void {
  let namespace = "";
  let node: Node;
  before(async () => {
    namespace = await world().enforced();
    node = await world().node();
  });

  const wantedBy = ({ name, uid }: Agent, where = namespace): TokenWanted => ({
    pod: { namespace: where, name, uid },
    serviceAccount: "default",
  });
  const ask = (wanted: TokenWanted) => world().replica().apiToken(wanted, forever);

  async function whoIs(token: Uint8Array): Promise<V1UserInfo | undefined> {
    const config = new KubeConfig();
    const { config: admin } = world().guarded.api;
    config.loadFromOptions({
      clusters: admin.clusters,
      users: [{ name: "pod", token: Buffer.from(token).toString() }],
      contexts: [{ name: "pod", cluster: admin.getCurrentCluster()?.name ?? "", user: "pod" }],
      currentContext: "pod",
    });
    const review = config.makeApiClient(AuthenticationV1Api).createSelfSubjectReview({ body: {} });
    return (await review).status?.userInfo;
  }

  describe("a token for the API server", () => {
    test("says which pod asks, as the API server finds it, and is good for ten minutes", async () => {
      const agent = await world().agent(namespace, node);
      const askedMs = Date.now();
      const answer = await ask(wantedBy(agent));
      assert.ok("token" in answer);
      assert.ok(answer.expiresMs > askedMs + TEN_MINUTES_MS - 5_000);
      assert.ok(answer.expiresMs <= Date.now() + TEN_MINUTES_MS + 1_000);
      const user = await whoIs(answer.token.reveal());
      assert.equal(user?.username, `system:serviceaccount:${namespace}:default`);
      assert.deepEqual(user?.extra?.["authentication.kubernetes.io/pod-uid"], [agent.uid]);
      assert.deepEqual(user?.extra?.["authentication.kubernetes.io/pod-name"], [agent.name]);
    });

    test("is not had for a pod that is another one of that name, nor where the label is not", async () => {
      const agent = await world().agent(namespace, node);
      const other = await ask({ ...wantedBy(agent), pod: { namespace, name: agent.name, uid: "another" } });
      assert.deepEqual("reason" in other && other.reason, "missing");
      const elsewhere = await world().guarded.api.namespace();
      const refused = await ask(wantedBy(agent, elsewhere));
      assert.ok("reason" in refused && refused.reason === "not-permitted");
      assert.match(refused.why, /bear the label sallyport\.dev\/enforce/);
    });

    test("ends with its pod", async () => {
      const agent = await world().agent(namespace, node);
      const answer = await ask(wantedBy(agent));
      assert.ok("token" in answer);
      await agent.gone();
      // Nobody has shown it to the API server yet, so that nothing is remembered of it.
      await assert.rejects(whoIs(answer.token.reveal()), /401|Unauthorized/);
    });
  });

  describe("the source of such tokens", () => {
    const noted: Record<string, unknown>[] = [];
    let nowMs = 0;
    const sourceOf = () => {
      let asked = 0;
      const replica = world().replica();
      nowMs = Date.now();
      const source = kubernetesTokenSource({
        apiTokens: {
          apiToken: (wanted, signal) => {
            asked += 1;
            return replica.apiToken(wanted, signal);
          },
        },
        now: () => nowMs,
        note: (_: string, fields: Record<string, unknown>) => void noted.push(fields),
      });
      return { source, asked: () => asked };
    };
    const requestOf = ({ name, uid }: Agent): CredentialRequest => ({
      upstream: {
        ref: { namespace, name: "cluster" },
        spec: {
          protocol: "kubernetes",
          address: { host: "10.96.0.1", port: 443 },
          kubernetes: {},
          credential: { mode: "minted", source: { kubernetesToken: {} } },
        },
      },
      subject: uid,
      caller: {
        identity: { serviceAccount: { namespace, name: "default" } },
        pod: { namespace, name, uid, credential: "c" },
        ancestors: [],
      },
      untilMs: nowMs + 300_000,
    });
    const tokenOf = (proof: Proof | object): string => {
      assert.ok("kind" in proof && proof.kind === "bearer", JSON.stringify(proof));
      return Buffer.from(proof.token).toString();
    };

    test("asks once for all sessions of a pod, and again before what it has runs out", async () => {
      const agent = await world().agent(namespace, node);
      const { source, asked } = sourceOf();
      const leases = await Promise.all(
        Array.from({ length: 8 }, () => source.lease(requestOf(agent), forever)),
      );
      const [first, second] = leases.map((lease) => (isRefusal(lease) ? assert.fail(lease.code) : lease));
      assert.ok(first !== undefined && second !== undefined);
      assert.equal(asked(), 1);
      assert.equal(first.user, `system:serviceaccount:${namespace}:default`);
      const before = tokenOf(await first.prove({ kind: "bearer" }, forever));
      assert.equal(tokenOf(await second.prove({ kind: "bearer" }, forever)), before);
      nowMs += TEN_MINUTES_MS / 2 + 10_000;
      assert.equal(await second.extend(nowMs + 300_000, forever), undefined);
      assert.ok(second.validUntilMs > first.validUntilMs - 1);
      assert.equal(asked(), 2);
      assert.equal(
        ((await first.prove({ kind: "cleartext" }, forever)) as { code: string }).code,
        "UPSTREAM_PROTOCOL",
      );
      first.end("released");
      assert.equal(
        ((await first.prove({ kind: "bearer" }, forever)) as { code: string }).code,
        "LEASE_ENDED",
      );
      await source[Symbol.asyncDispose]();
    });

    test("has nothing for whoever is no pod, and says why to the log where the API server refuses", async () => {
      const agent = await world().agent(namespace, node);
      const { source } = sourceOf();
      const { caller: _nobody, ...request } = requestOf(agent);
      const stranger = await source.lease(request, forever);
      assert.ok(isRefusal(stranger) && /for pods alone/.test(stranger.publicText));
      await agent.gone();
      const late = await source.lease(requestOf(agent), forever);
      assert.ok(isRefusal(late) && late.code === "CREDENTIAL_UNAVAILABLE");
      assert.ok(!late.publicText.includes(agent.name));
      assert.match(String(noted.at(-1)?.["cause"]), /there is no such pod/);
    });
  });
}
