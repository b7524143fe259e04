/** A pod's surroundings, as tests see them unless they say otherwise. */
import type { V1Pod, V1PodSpec } from "@kubernetes/client-node";
import { load } from "js-yaml";
import type { InjectionSettings, PodFacts } from "#operator/admission/pod/contract.ts";
import { inject } from "#operator/admission/pod/inject.ts";

export const SETTINGS: InjectionSettings = {
  images: {
    init: "sallyport/gw-init@sha256:1111111111111111111111111111111111111111111111111111111111111111",
    gateway: "sallyport/gateway@sha256:2222222222222222222222222222222222222222222222222222222222222222",
  },
  pullPolicy: "IfNotPresent",
  resolvers: ["10.96.0.10"],
  broker: "sallyport-broker.sallyport-system.svc:8443",
  resources: {
    init: { requests: { cpu: "10m", memory: "16Mi" }, limits: { cpu: "200m", memory: "64Mi" } },
    gateway: { requests: { cpu: "50m", memory: "96Mi" }, limits: { memory: "256Mi" } },
  },
  rootless: "force",
};

export const FACTS: PodFacts = { namespace: "shop", rootless: "force", mayWriteOurKinds: false };

export const GATEWAY_UID = 41_873;

interface Fragment {
  readonly metadata?: V1Pod["metadata"];
  readonly spec?: Partial<V1PodSpec>;
  readonly facts?: Partial<PodFacts>;
}

export interface Example {
  readonly pod: V1Pod;
  readonly facts: PodFacts;
}

/** A fragment as rules carry it, laid over the smallest pod there is. */
export function exampleOf(text: string): Example {
  const { metadata, spec, facts } = load(text) as Fragment;
  return {
    pod: {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "example", namespace: FACTS.namespace, ...metadata },
      spec: { containers: [{ name: "app", image: "app" }], ...spec },
    },
    facts: { ...FACTS, ...facts },
  };
}

/** For tests whose pod has to come out injected. */
export function injected(pod: V1Pod, facts: PodFacts = FACTS, settings = SETTINGS, uid = GATEWAY_UID): V1Pod {
  const result = inject(pod, facts, settings, uid);
  if (result.outcome === "injected") return result.pod;
  throw new Error(result.findings.map(({ field, message }) => `${field}: ${message}`).join("\n"));
}
