/** The operator is killed while a controller is being registered: at whatever point, the next one brings it to its end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ApiTier } from "#tools/cluster/api-tier.ts";
import { type Child, startChild } from "#tools/world/child.ts";
import { NAMESPACE } from "../support/helm.ts";
import { eventually } from "../support/wait.ts";
import { operatorWords } from "./operator.ts";

const GROUP = "agents.test.sallyport.example";
const ACCOUNT = { namespace: "sandboxes", name: "controller" };
const READERS = ["sallyport-operator", "sallyport-broker"].map(
  (account) => `--serviceaccount=${NAMESPACE}:${account}`,
);

const SANDBOXES = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `sandboxes.${GROUP}` },
  spec: {
    group: GROUP,
    scope: "Namespaced",
    names: { plural: "sandboxes", singular: "sandbox", kind: "Sandbox", listKind: "SandboxList" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
};
const REGISTERED = {
  apiVersion: "sallyport.dev/v1alpha1",
  kind: "WorkloadController",
  metadata: { name: "sandboxes" },
  spec: {
    serviceAccount: ACCOUNT,
    owns: [
      {
        group: GROUP,
        version: "v1",
        resource: "sandboxes",
        kind: "Sandbox",
        templatePaths: ["spec.podTemplate"],
      },
    ],
  },
};

/** Whoever was killed has the lease for as long as it had taken it. */
const LEADS_MS_MAX = 60_000;
const leading = (operator: Child): Promise<unknown> => operator.line(/"message":"leading"/, LEADS_MS_MAX);

/** What registration writes, one after the other, each by another controller of the operator's. */
const WRITTEN = {
  policy: [
    "validatingadmissionpolicy/sallyport-authors",
    `system:serviceaccount:${ACCOUNT.namespace}:${ACCOUNT.name}`,
  ],
  webhooks: ["mutatingwebhookconfiguration/sallyport", "sandboxes"],
} as const;

/** `folder`: for the operator's files. */
export function registrationInPieces(api: () => ApiTier, folder: string): void {
  test("whose operator is killed in the middle of a registration brings it to its end when it is back", async () => {
    const kubectl = async (words: readonly string[], object?: object): Promise<string> => {
      const stdin = object === undefined ? {} : { stdin: JSON.stringify(object) };
      const { code, stdout, stderr } = await api().kubectl(words, stdin);
      assert.equal(code, 0, stderr);
      return stdout;
    };
    const start = async (): Promise<Child> =>
      startChild([process.execPath, ...(await operatorWords(api(), folder))]);
    const isWritten = async ([object, word]: (typeof WRITTEN)[keyof typeof WRITTEN]): Promise<boolean> =>
      (await kubectl(["get", object, "--output=json"])).includes(word);
    const kill = async (operator: Child): Promise<void> => {
      operator.kill("SIGKILL");
      await operator.exited;
    };
    await kubectl(["create", "--filename=-"], SANDBOXES);
    await kubectl(["wait", `crd/sandboxes.${GROUP}`, "--for=condition=Established"]);
    await kubectl(["create", "clusterrole", "read-sandboxes", "--verb=get", `--resource=sandboxes.${GROUP}`]);
    await kubectl([
      "create",
      "clusterrolebinding",
      "read-sandboxes",
      "--clusterrole=read-sandboxes",
      ...READERS,
    ]);

    await using first = await start();
    await leading(first);
    await kubectl(["create", "--filename=-"], REGISTERED);
    await kill(first);

    // Whichever it writes first: then it is gone again.
    await using second = await start();
    await leading(second);
    await eventually(
      async () => {
        const written = await Promise.all(Object.values(WRITTEN).map(isWritten));
        return written.includes(true) ? true : undefined;
      },
      () => `nothing is written of it:\n${second.output().slice(-3_000)}`,
    );
    await kill(second);

    await using third = await start();
    await leading(third);
    const settled = (wanted: boolean): Promise<true> => {
      let last: readonly string[] = [];
      return eventually(
        async () => {
          const written = await Promise.all(Object.values(WRITTEN).map(isWritten));
          last = Object.keys(WRITTEN).filter((_, at) => written[at] !== wanted);
          return last.length === 0 ? true : undefined;
        },
        () => `${last.join()} ${wanted ? "lacks it" : "has it still"}:\n${third.output().slice(-3_000)}`,
      );
    };
    await kubectl(["wait", "workloadcontroller/sandboxes", "--for=condition=Ready", "--timeout=60s"]);
    await settled(true);
    // As it is taken back, once it is gone.
    await kubectl(["delete", "workloadcontroller/sandboxes"]);
    await settled(false);
  });
}
