/** What agents write who would have more than was handed on to them: pods that say that they are somebody else's. */
import type { V1Deployment, V1Job, V1Pod } from "@kubernetes/client-node";
import { AUTHOR, ORIGIN, SERVICE_ACCOUNT_FOLDER } from "#operator/names.ts";
import { SHOP, agentJob } from "./family.ts";
import { deployment, pod, sleeper, spec } from "./pods.ts";
import { PIPELINE } from "./pipelines.ts";

const CLAIMS = { [ORIGIN.user]: PIPELINE, [AUTHOR.user]: PIPELINE, [AUTHOR.from]: "Owner" };
/** Whose account may do the most, and who has nobody above that withholds anything. */
const MIGHTY = "planner";
/** What kubectl finds by itself, as long as it is told nothing of whom to be. */
const IN_CLUSTER = `--server=https://10.96.0.1 --certificate-authority=${SERVICE_ACCOUNT_FOLDER}/ca.crt --token=none`;

/** The pipeline's own, without a pod until somebody wants one. */
export function standby(name: string): V1Deployment {
  const made = deployment(SHOP, name, { ...spec([sleeper()]), serviceAccountName: MIGHTY });
  if (made.spec !== undefined) made.spec.replicas = 0;
  return made;
}

/** The pipeline's Deployment is said to be its controller. */
export function owned(name: string, { metadata }: V1Deployment): V1Pod {
  const made = pod(SHOP, name, { ...spec([sleeper()]), serviceAccountName: MIGHTY });
  const owner = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    name: metadata?.name ?? "",
    uid: metadata?.uid ?? "",
  };
  const ownerReferences = [{ ...owner, controller: true }];
  return { ...made, metadata: { ...made.metadata, annotations: CLAIMS, ownerReferences } };
}

/** Made by a controller of the cluster from what an agent wrote. */
export function claiming(name: string): V1Job {
  const made = agentJob(name, MIGHTY);
  return { ...made, metadata: { ...made.metadata, annotations: CLAIMS } };
}

export function suspended(name: string): V1Job {
  const made = agentJob(name, MIGHTY);
  if (made.spec !== undefined) made.spec.suspend = true;
  return made;
}

/** Of the pipeline's Deployment: another program, and a pod of it. */
export const EDIT = {
  spec: {
    replicas: 1,
    template: { spec: { containers: [{ name: "agent", env: [{ name: "MORE", value: "yes" }] }] } },
  },
};

/** What is refused as it is written: words of kubectl, what goes into it, and what it says then. */
export function refused(self: string): readonly (readonly [string, RegExp, ...object[]])[] {
  const labelled = pod(SHOP, "labelled", spec([sleeper()]));
  const templated = agentJob("templated", MIGHTY);
  const template = templated.spec?.template;
  if (template !== undefined) template.metadata = { annotations: CLAIMS };
  const ours = /denied (?:the )?request: .*metadata(?:\.(?:annotations|labels)\S*)?: .*Fix: /s;
  return [
    [`annotate pod ${self} --overwrite ${AUTHOR.user}=administrator`, ours],
    [
      "create --filename=-",
      ours,
      { ...labelled, metadata: { ...labelled.metadata, labels: { "sallyport.dev/parent": "none" } } },
    ],
    ["create --filename=-", ours, templated],
    [`create token ${MIGHTY}`, /\(Sallyport: [A-Z_]+/],
    [
      `get pods --as=administrator ${IN_CLUSTER}`,
      /\(Forbidden\): no rule allows this: impersonation of administrator, /,
    ],
    ["get secrets", /\(Sallyport: DENY_NO_RULE/],
  ];
}
