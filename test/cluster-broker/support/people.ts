/** People at the command line: the plugin in this process, and what gives them their rights. */
import assert from "node:assert/strict";
import type { RbacV1Subject, V1PodStatus } from "@kubernetes/client-node";
import { KUBECTL_SALLYPORT, clusterCommands } from "#cli/cluster/commands.ts";
import type { Io } from "#cli/frame/io.ts";
import { run } from "#cli/frame/run.ts";
import { NAMESPACE, type World } from "./world.ts";

const RBAC = "rbac.authorization.k8s.io";

/** As its kubelet says it of a pod whose gateway runs, or waits. */
export function running(waiting?: { readonly reason: string }): V1PodStatus {
  const common = { image: "", imageID: "" };
  const startedAt = "2026-11-26T12:00:00Z" as unknown as Date;
  return {
    phase: "Running",
    podIP: "127.0.0.1",
    podIPs: [{ ip: "127.0.0.1" }],
    initContainerStatuses: [
      {
        ...common,
        name: "gw-init",
        ready: true,
        restartCount: 0,
        state: { terminated: { exitCode: 0, startedAt, finishedAt: startedAt } },
      },
      {
        ...common,
        name: "gw",
        ready: waiting === undefined,
        restartCount: 0,
        state: waiting === undefined ? { running: { startedAt } } : { waiting },
      },
    ],
  };
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function plugin(words: readonly string[]): Promise<Ran> {
  const said = { out: "", err: "" };
  const screen = (of: keyof typeof said) => ({
    write: (text: string) => void (said[of] += text),
    colour: false,
  });
  const io: Io = {
    out: screen("out"),
    err: screen("err"),
    readInput: async () => ({ ok: true, text: "" }),
    nowMs: Date.now,
  };
  return { code: await run({ program: KUBECTL_SALLYPORT, commands: clusterCommands }, words, io), ...said };
}

export async function denied({ guarded: { api } }: World, name: string): Promise<void> {
  const { code, stderr } = await api.kubectl(["certificate", "deny", name]);
  assert.equal(code, 0, stderr);
}

/** What `view` has of Kubernetes' own, which a controller fills in. */
async function look(api: World["guarded"]["api"], role: string): Promise<void> {
  const verbs = role === "lister" ? "get,list" : "get";
  const words = ["create", "clusterrole", role, `--verb=${verbs}`, "--resource=pods,namespaces"];
  const { code, stderr } = await api.kubectl(words);
  if (!stderr.includes("AlreadyExists")) assert.equal(code, 0, stderr);
}

/** A role of the chart's, to people: in a namespace, or everywhere. */
export async function give(
  { guarded: { api } }: World,
  role: string,
  users: readonly string[],
  namespace?: string,
): Promise<void> {
  const subjects = users.map((name): RbacV1Subject => ({ kind: "User", apiGroup: RBAC, name }));
  const kind = (name: string, where: string | undefined, of: string) => ({
    apiVersion: `${RBAC}/v1`,
    kind: where === undefined ? "ClusterRoleBinding" : "RoleBinding",
    metadata: { name: `people-${role}-${users.join("-")}`, namespace: where },
    roleRef: { apiGroup: RBAC, kind: of, name },
    subjects,
  });
  const objects =
    role === "reach"
      ? [kind("sallyport-reach", undefined, "ClusterRole"), kind("sallyport-reach", NAMESPACE, "Role")]
      : [kind(role, namespace, "ClusterRole")];
  if (role === "looker" || role === "lister") await look(api, role);
  for (const object of objects) {
    const { code, stderr } = await api.kubectl(["create", "-f", "-"], { stdin: JSON.stringify(object) });
    assert.equal(code, 0, stderr);
  }
}
