/** What is said of a Connection whose credential nobody can look at beforehand: it is made for each pod when it is needed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KindWorld } from "#operator/reconcile/kind-world.ts";
import { judgeConnection } from "#operator/reconcile/connection.ts";
import { statusOf } from "#operator/reconcile/conditions.ts";
import { connectionObject } from "./live/objects.ts";

const TOKEN = { mode: "minted", source: { kubernetesToken: {} } };
const SECRET = { mode: "static", source: { secret: { name: "db", key: "password" } } };

function said(credential: object, replicas: number, isInEnforcedNamespace = true) {
  const world: KindWorld = {
    object: connectionObject("shop", "cluster", { credential }),
    standing: { state: "good", generation: 1, findings: [] },
    selects: undefined,
    selectedBy: undefined,
    closedBy: undefined,
    isInEnforcedNamespace,
    enforcement: { replicas, concerned: 0, applied: 0, behind: 0 },
    credential: undefined,
    registration: undefined,
    keys: undefined,
    leftOut: 0,
    nowMs: 0,
  };
  const { findings } = judgeConnection(world);
  return (["CredentialAvailable", "Ready"] as const).map((type) => {
    const found = findings.find((each) => each.type === type);
    return found === undefined ? type : `${statusOf(found)} ${found.reason}`;
  });
}

test("a Connection that takes tokens of the cluster is Ready as soon as a broker is there to ask for them", () => {
  assert.deepEqual(said(TOKEN, 2), ["True MadeWhenUsed", "True AllHold"]);
  assert.deepEqual(said(TOKEN, 0), ["Unknown BrokerNotConnected", "Unknown CredentialUnknown"]);
  assert.deepEqual(said(TOKEN, 2, false), ["False NamespaceNotEnforced", "False CredentialUnavailable"]);
});

test("one with a Secret waits until the broker has looked", () => {
  assert.deepEqual(said(SECRET, 2), ["Unknown BeingLookedAt", "Unknown CredentialUnknown"]);
});
