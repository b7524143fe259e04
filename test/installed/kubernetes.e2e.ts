/** kubectl in an agent's pod: as it is, with what it finds there, through the gateway, as the pod that it is in. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { KubernetesObject, V1Job, V1Pod } from "@kubernetes/client-node";
import { ORIGIN, SERVICE_ACCOUNT_FOLDER } from "#operator/names.ts";
import { skipWithoutNodeTier } from "#test/support/cluster.ts";
import { findClients } from "#tools/cluster/clients.ts";
import { namespace, pod, shell, sleeper, spec } from "./support/pods.ts";
import { type Release, installRelease } from "./support/release.ts";
import { until } from "./support/until.ts";

const SHOP = "shop";
const OUTSIDE = "outside";
const API_SERVER = "10.96.0.1";

const kind = (name: string, of: string, spec: object): KubernetesObject & { spec: object } => ({
  apiVersion: "sallyport.dev/v1alpha1",
  kind: of,
  metadata: { namespace: SHOP, name },
  spec,
});

const connection = kind("cluster", "Connection", {
  protocol: "kubernetes",
  address: { host: API_SERVER, port: 443 },
  reachedAs: [{ host: "kubernetes.default.svc" }],
  credential: { mode: "minted", source: { kubernetesToken: {} } },
  kubernetes: {},
});

const JOBS = {
  verbs: ["get", "list", "watch", "create", "delete"],
  resources: ["jobs.batch"],
  namespaces: [SHOP],
};
const LOOK = {
  verbs: ["get", "list", "watch"],
  resources: ["pods", "pods/log", "configmaps"],
  namespaces: [SHOP],
};
const SHELL = { verbs: ["create"], resources: ["pods/exec"], namespaces: [OUTSIDE] };
const policyOf = (...allow: readonly object[]) =>
  kind("operators", "SecretAccessPolicy", {
    subjects: [{ serviceAccount: { name: "operator", namespace: SHOP } }],
    connections: { names: ["cluster"] },
    allow: allow.map((kubernetes, index) => ({ name: `rule-${index}`, kubernetes })),
  });

describe("kubectl in an agent's pod", { skip: skipWithoutNodeTier() }, () => {
  let release: Release;
  before(async () => {
    release = await installRelease();
    await release.kubectl(`create serviceaccount operator --namespace ${SHOP}`);
    // More than policy lets through, so that it is policy that counts.
    await release.kubectl(
      "create clusterrole operator --verb=get,list,watch,create,delete --resource=pods,pods/log,pods/exec,configmaps,secrets,jobs.batch",
    );
    await release.kubectl(
      `create clusterrolebinding operator --clusterrole=operator --serviceaccount=${SHOP}:operator`,
    );
    await release.apply(
      namespace(OUTSIDE),
      connection,
      policyOf(LOOK, JOBS, { ...LOOK, verbs: ["get"], resources: ["pods"], namespaces: [OUTSIDE] }, SHELL),
      pod(SHOP, "operator", { ...spec([sleeper()]), serviceAccountName: "operator" }),
      pod(SHOP, "talker", spec([shell("agent", "while sleep 0.2; do echo tick; done")])),
      pod(OUTSIDE, "machine", spec([sleeper()])),
    );
    for (const at of [SHOP, OUTSIDE])
      await release.kubectl(`wait --namespace ${at} --for=condition=Ready pods --all --timeout=120s`);
    await release.kubectl(`wait connection/cluster --namespace ${SHOP} --for=condition=Ready --timeout=50s`);
    const { kubectl } = findClients();
    await release.sh(
      `kubectl exec --stdin --namespace ${SHOP} operator -- sh -c 'cat > /tmp/kubectl && chmod +x /tmp/kubectl' < ${kubectl}`,
    );
  });
  after(() => release?.[Symbol.asyncDispose]());

  const agent = (script: string): Promise<string> =>
    release.inAgent(SHOP, "operator", `export PATH=$PATH:/tmp HOME=/tmp; ${script} 2>&1; true`);
  const read = async <T>(words: string): Promise<T> =>
    JSON.parse(await release.kubectl(`${words} --output=json`)) as T;

  test("finds its cluster by itself, and may what policy lets it", async () => {
    assert.match(await agent("kubectl get pods"), /^operator +2\/2 +Running /m);
    assert.match(
      await agent("KUBERNETES_SERVICE_HOST=kubernetes.default.svc kubectl get pods"),
      /^operator +2\/2 /m,
    );
    assert.match(
      await agent("kubectl get secrets"),
      /^Error from server \(Forbidden\): no rule allows this: list secrets in shop \(Sallyport: DENY_NO_RULE, /,
    );
    assert.match(
      await agent("kubectl get pods --all-namespaces"),
      /list pods everywhere \(Sallyport: DENY_NO_RULE/,
    );
    assert.match(await agent("kubectl auth whoami"), /you do not have permission to call it/);
  });

  test("what it launches says whose child it is, as the API server has found it", async () => {
    assert.equal(await agent("kubectl create job child --image=none"), "job.batch/child created\n");
    const { metadata } = await read<V1Job>(`get --namespace ${SHOP} job child`);
    const parent = await read<V1Pod>(`get --namespace ${SHOP} pod operator`);
    assert.equal(metadata?.annotations?.[ORIGIN.podUid], parent.metadata?.uid);
    assert.equal(metadata?.annotations?.[ORIGIN.podName], "operator");
    assert.equal(metadata?.annotations?.[ORIGIN.user], `system:serviceaccount:${SHOP}:operator`);
  });

  test("streams logs, and runs a command where a rule writes that out", async () => {
    assert.match(
      await agent("timeout 5 kubectl logs --follow --tail=3 talker --container=agent"),
      /^(tick\n){5}/,
    );
    const run = "kubectl exec --namespace outside machine -- sh -c 'echo from $(hostname)'";
    assert.equal(await agent(run), "from machine\n");
    assert.match(
      await agent("kubectl exec talker -- true"),
      /no rule allows this: create pods\/exec shop\/talker/,
    );
  });

  test("the token in the pod is none, and the API server is not reached past the gateway", async () => {
    const ask = (more: string): string =>
      `curl --silent --show-error --cacert ${SERVICE_ACCOUNT_FOLDER}/ca.crt --header "Authorization: Bearer $(cat ${SERVICE_ACCOUNT_FOLDER}/token)" ${more}`;
    assert.match(
      await agent(ask(`https://${API_SERVER}/api/v1/namespaces/shop/pods?limit=1`)),
      /"kind": "PodList"/,
    );
    assert.match(await agent(ask(`https://${API_SERVER}/api/v1/namespaces/shop/secrets`)), /DENY_NO_RULE/);
    // The twin: to the API server itself it says nothing.
    const { code, stdout } = await release.node.kubectl([
      "auth",
      "whoami",
      "--token=sallyport.dev/this-is-no-token",
    ]);
    assert.ok(code !== 0 || !stdout.includes("operator"), stdout);
    assert.equal(
      await agent("grep -rl eyJhbGciOi /var/run/secrets /var/run/sallyport /proc/self/environ"),
      "",
    );
  });

  test("a watch ends when policy does, within a second of its being in force", async (context) => {
    const watching = agent("timeout 60 kubectl get configmaps --watch");
    await until(
      "the watch runs",
      async () => (await agent("pgrep -fa 'get configmaps --watch' | grep -v pgrep")) !== "",
    );
    await release.apply(policyOf(JOBS));
    const appliedMs = performance.now();
    assert.match(await watching, /a policy change ended what this session was doing|no rule allows this/);
    context.diagnostic(`figure kubernetes.pod_watch_ended_ms=${Math.round(performance.now() - appliedMs)}`);
    assert.match(await agent("kubectl get configmaps"), /DENY_NO_RULE/);
  });
});
