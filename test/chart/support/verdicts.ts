/** Refused by which policy, or let through: as the API server itself says it. */
import assert from "node:assert/strict";
import { PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import { refusalOf } from "./cluster.ts";

type Ask = () => Promise<unknown>;

export const MERGE = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);
export const STRATEGIC = setHeaderOptions("Content-Type", PatchStrategy.StrategicMergePatch);

/** Refused by this policy of ours, in words about this. Where several refuse, which of them is heard is chance. */
export async function refusedBy(policy: string | readonly string[], ask: Ask, says: RegExp): Promise<void> {
  const refusal = (await refusalOf(ask)) ?? "it was let through";
  const policies = typeof policy === "string" ? [policy] : policy;
  assert.ok(
    policies.some((one) => refusal.includes(`ValidatingAdmissionPolicy '${one}'`)),
    refusal,
  );
  assert.match(refusal, says);
}

export async function allowed(ask: Ask): Promise<void> {
  assert.equal(await refusalOf(ask), undefined);
}

/** What only a kubelet could answer: whoever is let through hears that there is none. */
export async function letThrough(ask: Ask): Promise<void> {
  const refusal = (await refusalOf(ask)) ?? "";
  assert.doesNotMatch(refusal, /ValidatingAdmissionPolicy|is forbidden/);
}

/** By RBAC, before any policy is asked. */
export async function forbidden(ask: Ask): Promise<void> {
  const refusal = (await refusalOf(ask)) ?? "it was let through";
  assert.match(refusal, /cannot|is attempting to grant/);
  assert.doesNotMatch(refusal, /ValidatingAdmissionPolicy/);
}
