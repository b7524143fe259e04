/** T39: reviews that no API server has sent, for an answer that could be used elsewhere. */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { text } from "node:stream/consumers";
import { AdmissionregistrationV1Api, type V1Pod } from "@kubernetes/client-node";
import { ORIGIN } from "#operator/names.ts";
import { applyPatch } from "#test/pods/apply-patch.ts";
import type { Attack, Threat } from "../support/attack.ts";
import { create, type Stage } from "../support/stage.ts";

const SOMEBODY = "alice";
const BARE: V1Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "forged" },
  spec: { containers: [{ name: "app", image: "app" }] },
};

/** As an API server asks for a pod that somebody else makes; what the webhook makes of the pod. */
async function mutatedFor(stage: Stage, userInfo: object): Promise<V1Pod> {
  const { namespace, api } = stage;
  const registered = await api.config
    .makeApiClient(AdmissionregistrationV1Api)
    .readMutatingWebhookConfiguration({ name: "sallyport" });
  const webhook = registered.webhooks?.find(({ name }) => name.startsWith("pods."));
  const { url = "", caBundle = "" } = webhook?.clientConfig ?? {};
  const pod = { ...BARE, metadata: { ...BARE.metadata, namespace } };
  const asked = {
    uid: "7f0e2a4e-0000-4000-8000-000000000000",
    kind: { group: "", version: "v1", kind: "Pod" },
    resource: { group: "", version: "v1", resource: "pods" },
    requestKind: { group: "", version: "v1", kind: "Pod" },
    requestResource: { group: "", version: "v1", resource: "pods" },
    name: "forged",
    namespace,
    operation: "CREATE",
    userInfo,
    object: pod,
    oldObject: null,
    dryRun: false,
    options: { apiVersion: "meta.k8s.io/v1", kind: "CreateOptions" },
  };
  const outgoing = request(url, {
    method: "POST",
    ca: Buffer.from(caBundle, "base64"),
    headers: { "content-type": "application/json" },
    agent: false,
  });
  outgoing.end(
    JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: asked }),
  );
  const [answer] = (await once(outgoing, "response")) as [IncomingMessage];
  const review = JSON.parse(await text(answer)) as {
    response?: { patch?: string; status?: { message: string } };
  };
  const { patch } = review.response ?? {};
  if (patch === undefined) throw new Error(`the webhook answers nobody: ${JSON.stringify(review)}`);
  return applyPatch(pod, JSON.parse(Buffer.from(patch, "base64").toString("utf8"))) as V1Pod;
}

const forged = (name: string, userInfo: object): Attack => ({
  name,
  attempt: async (stage) => {
    // Without us nobody has to be asked for what nobody checks.
    const pod = stage.isDefended
      ? await mutatedFor(stage, userInfo)
      : { ...BARE, metadata: { ...BARE.metadata, annotations: { [ORIGIN.user]: SOMEBODY } } };
    if (pod.metadata?.annotations?.[ORIGIN.user] !== SOMEBODY) throw new Error("the webhook does not say so");
    const made = await create(stage, pod, stage.namespace);
    return made.metadata?.annotations?.[ORIGIN.user] === SOMEBODY;
  },
});

export const FORGED_REVIEWS: Threat = {
  id: "T39",
  title: "a review that no API server has sent",
  attacks: [
    forged("the webhook is asked to say that somebody else made a pod", {
      username: SOMEBODY,
      groups: ["system:authenticated"],
    }),
  ],
};
