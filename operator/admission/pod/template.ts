/** The pods that a workload will make, judged while its author still looks. */
import type { V1Pod } from "@kubernetes/client-node";
import { GATEWAY_UIDS } from "../../names.ts";
import type { InjectionSettings, PodFacts, PodFinding } from "./contract.ts";
import { inject } from "./inject.ts";

export interface PodTemplate {
  /** `spec.template`, or deeper down in a CronJob. */
  readonly field: string;
  readonly pod: V1Pod;
}

const PLACES = [
  ["spec", "jobTemplate", "spec", "template"],
  ["spec", "template"],
] as const;

export function templateOf(workload: unknown): PodTemplate | undefined {
  for (const path of PLACES) {
    const found = path.reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), workload);
    // What the API server sends as a workload has passed its decoder: a template has the members of a pod.
    if (isRecord(found)) return { field: path.join("."), pod: found };
  }
  return undefined;
}

export function templateFindings(
  { field, pod }: PodTemplate,
  facts: PodFacts,
  settings: InjectionSettings,
): readonly PodFinding[] {
  const result = inject(pod, facts, settings, GATEWAY_UIDS.first);
  if (result.outcome === "injected") return [];
  return result.findings.map((finding) => ({ ...finding, field: `${field}.${finding.field}` }));
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
