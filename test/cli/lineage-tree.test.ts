/** Trees of pods, out of what admission has written on them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Member, branchesOf, familiesOf } from "#cli/cluster/lineage/tree.ts";
import type { Pod } from "#operator/kube/resource.ts";
import { AUTHOR, ORIGIN } from "#operator/names.ts";

interface Drawn {
  readonly name: string;
  readonly stamps: Readonly<Record<string, string>>;
  readonly isBare?: boolean;
  readonly by?: string;
}

const pod = ({ name, stamps, isBare = false, by }: Drawn, at: number): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    namespace: "shop",
    name,
    uid: `uid-${name}`,
    creationTimestamp: `2026-11-26T00:00:0${at}Z`,
    annotations: stamps,
    ...(by === undefined
      ? {}
      : { ownerReferences: [{ apiVersion: "batch/v1", kind: "Job", name: by, uid: "u", controller: true }] }),
  },
  spec: {
    containers: [],
    serviceAccountName: "agent",
    initContainers: isBare ? [] : [{ name: "gw-init" }, { name: "gw" }],
  },
  status: { phase: "Running" },
});

const byUser = (user: string) => ({ [ORIGIN.user]: user });
const byPod = (name: string, of: typeof ORIGIN | typeof AUTHOR = ORIGIN) => ({
  [of.user]: "system:serviceaccount:shop:agent",
  [of.podName]: name,
  [of.podUid]: `uid-${name}`,
});

/** One line a member, two spaces a generation. */
function drawn(members: readonly Member[], indent = ""): readonly string[] {
  return members.flatMap(({ name, state, by, children }) => [
    `${indent}${[name, state, by].filter((each) => each !== undefined).join(" | ")}`,
    ...drawn(children, `${indent}  `),
  ]);
}

const FAMILY: readonly Drawn[] = [
  { name: "boss", stamps: byUser("ada") },
  {
    name: "aide",
    stamps: {
      ...byUser("system:serviceaccount:kube-system:job-controller"),
      [AUTHOR.from]: "Owner",
      ...byPod("boss", AUTHOR),
    },
    by: "errand",
  },
  { name: "hand", stamps: byPod("aide") },
  { name: "orphan", stamps: byPod("gone") },
  { name: "deployed", stamps: byPod("argo") },
  { name: "argo", stamps: byUser("root"), isBare: true },
  { name: "old", stamps: {} },
  { name: "warm", stamps: { ...byUser("system:serviceaccount:pools:keeper"), [AUTHOR.from]: "Exchange" } },
];

describe("families of pods", () => {
  const families = familiesOf(FAMILY.map(pod));
  test("are told by their stamps, with whoever is above them and is no agent or not there", () => {
    assert.deepEqual(drawn(families), [
      "a pool: whose they are is looked up at each session",
      "  shop/warm | Running",
      "nobody who is known",
      "  shop/old | Running",
      "shop/argo | no agent",
      "  shop/deployed | Running",
      "shop/gone | not there",
      "  shop/orphan | Running",
      "user ada",
      "  shop/boss | Running",
      "    shop/aide | Running | Job errand",
      "      shop/hand | Running",
    ]);
  });
  test("are cut down to the branch of one pod", () => {
    assert.deepEqual(drawn(branchesOf(families, "shop/aide")), [
      "user ada",
      "  shop/boss | Running",
      "    shop/aide | Running | Job errand",
      "      shop/hand | Running",
    ]);
    assert.deepEqual(branchesOf(families, "shop/nobody"), []);
  });
  test("end, also where stamps lead in a circle", () => {
    const circle = [
      { name: "a", stamps: byPod("b") },
      { name: "b", stamps: byPod("a") },
    ];
    assert.deepEqual(drawn(familiesOf(circle.map(pod))), []);
  });
});
