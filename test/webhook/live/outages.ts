/** When the webhooks are away, slow, or asked by somebody else. */
import assert from "node:assert/strict";
import { request } from "node:https";
import { test } from "node:test";
import { bundleOf } from "#operator/authority/bundle.ts";
import { nextRecord } from "#operator/authority/record.ts";
import { makeCertificate } from "#runtime/certificate/make.ts";
import { PODS, VALIDATING_WEBHOOKS, type KubeObject, type Resource } from "#operator/kube/resource.ts";
import { DAY_MS, openPort, responseIn, review } from "../support/admission-port.ts";
import { type World, forever, until } from "../support/world.ts";
import { app, refusal } from "./pods.ts";

const call = { signal: forever };

export function outageCases(world: () => World): void {
  const create = (namespace: string) =>
    world().kube.create(
      PODS,
      { metadata: { generateName: "agent-", namespace } as never, spec: { containers: [app] } },
      call,
    );

  test("with nobody behind the webhooks no agent starts, and everybody else does", async () => {
    const { balancer, enforced, api } = world();
    const [agents, others] = [await enforced(), await api.namespace()];
    const before = [...balancer.backends];
    balancer.backends.clear();
    balancer.cut();
    try {
      assert.match(
        (await refusal(() => create(agents))).message,
        /failed calling webhook "pods\.mutate\.sallyport\.dev"/,
      );
      assert.ok((await create(others)).metadata.uid);
    } finally {
      for (const backend of before) balancer.backends.add(backend);
    }
    assert.ok((await create(agents)).metadata.uid);
  });

  test("a webhook that hangs explains itself before the API server's patience ends", async () => {
    const { kube, enforced } = world();
    const namespace = await enforced();
    const record = nextRecord(undefined, undefined, Date.now());
    await using port = await openPort(
      { validatePods: { isFor: () => true, judge: () => Promise.withResolvers<never>().promise } },
      { certificate: makeCertificate(record.current, ["127.0.0.1"], Date.now(), DAY_MS) },
    );
    const resource = VALIDATING_WEBHOOKS as Resource<KubeObject & { readonly webhooks: readonly object[] }>;
    await kube.create(
      resource,
      {
        metadata: { name: "hanging" },
        webhooks: [
          {
            name: "hanging.example.com",
            admissionReviewVersions: ["v1"],
            sideEffects: "None",
            timeoutSeconds: 1,
            clientConfig: {
              url: `https://127.0.0.1:${port.server.port}/validate/pods`,
              caBundle: bundleOf(record),
            },
            namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
            rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
          },
        ],
      },
      call,
    );
    try {
      const error = await until("the hanging webhook is asked", () =>
        create(namespace).then(
          () => undefined,
          (failure: unknown) => failure as Error,
        ),
      );
      assert.match(error.message, /could not be judged in time.*Try again/);
    } finally {
      await kube.delete(resource, "hanging", call);
    }
  });

  test("T39: a forged review is answered, and worth nothing", async () => {
    const { kube, api, enforced, balancer } = world();
    const namespace = await enforced();
    const body = review({
      namespace,
      userInfo: { username: "system:serviceaccount:kube-system:job-controller", groups: ["system:masters"] },
      object: {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "forged", namespace },
        spec: { containers: [app] },
      },
    });
    const revision = async () => (await kube.list(PODS, { ...call, namespace })).items.length;
    const before = await revision();
    const heard = await post(balancer.port, "/mutate/pods", body);
    const answer = responseIn({ ...heard, headers: {} });
    assert.deepEqual(Object.keys(answer).toSorted(), ["allowed", "patch", "patchType", "uid", "warnings"]);
    // All of it is what everybody may know: names, images, and a number that nobody relies on until the API server has stored it.
    const patch = Buffer.from(answer.patch ?? "", "base64").toString();
    assert.doesNotMatch(patch, /PRIVATE KEY|eyJ[\w-]+\.|"token":|signature/i);
    assert.equal(await revision(), before);
    // To make something of it one would have to store it, and the API server asks for itself who it is that does.
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name: "forged",
        namespace,
        annotations: { "sallyport.dev/origin-user": "system:serviceaccount:kube-system:job-controller" },
      },
      spec: { containers: [app] },
    };
    const { stdout } = await api.kubectl(["create", "-f", "-", "-o", "json"], { stdin: JSON.stringify(pod) });
    const made = JSON.parse(stdout) as { metadata: { annotations: Record<string, string> } };
    assert.equal(made.metadata.annotations["sallyport.dev/origin-user"], "administrator");
  });
}

/** By somebody in the cluster's network who trusts nobody. */
export async function post(
  port: number,
  path: string,
  body: string,
): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const sent = request(
    {
      host: "127.0.0.1",
      port,
      path,
      method: "POST",
      rejectUnauthorized: false,
      agent: false,
      headers: { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) },
    },
    (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("end", () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
      );
    },
  );
  sent.once("error", reject);
  sent.end(body);
  return promise;
}
