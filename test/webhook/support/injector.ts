/** A mutating webhook of somebody else: what it makes of a pod is the test's to say. */
import { createServer } from "node:https";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import type { V1Pod } from "@kubernetes/client-node";
import { jsonPatch } from "#operator/admission/pod/json-patch.ts";
import { type KubeObject, MUTATING_WEBHOOKS, type Resource } from "#operator/kube/resource.ts";
import { type World, forever } from "./world.ts";

export interface Injector extends AsyncDisposable {
  readonly calls: () => number;
}

/** `name`: webhooks are asked in the order of their configurations' names. */
export async function openInjector(
  { api, kube }: Pick<World, "api" | "kube">,
  name: string,
  namespace: string,
  change: (pod: V1Pod, call: number) => V1Pod,
): Promise<Injector> {
  let calls = 0;
  const { certificatePem: cert, keyPem: key } = api.pki.server("127.0.0.1");
  const server = createServer({ cert, key }, (request, response) => {
    void json(request).then((body) => {
      calls += 1;
      const { uid, object } = (body as { request: { uid: string; object: V1Pod } }).request;
      const patch = Buffer.from(JSON.stringify(jsonPatch(object, change(object, calls)))).toString("base64");
      const answer = { uid, allowed: true, patchType: "JSONPatch", patch };
      response.setHeader("content-type", "application/json");
      response.end(
        JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: answer }),
      );
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const resource = MUTATING_WEBHOOKS as Resource<KubeObject & { readonly webhooks: readonly object[] }>;
  await kube.create(
    resource,
    {
      metadata: { name },
      webhooks: [
        {
          name: `${name}.example.com`,
          admissionReviewVersions: ["v1"],
          sideEffects: "None",
          reinvocationPolicy: "IfNeeded",
          clientConfig: {
            url: `https://127.0.0.1:${port}/`,
            caBundle: Buffer.from(api.pki.caPem).toString("base64"),
          },
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
          rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
        },
      ],
    },
    { signal: forever },
  );
  return {
    calls: () => calls,
    [Symbol.asyncDispose]: async () => {
      await kube.delete(resource, name, { signal: forever });
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
