/** Into a container past the API server, by the runtime of its node: also while that server is away. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { CoreV1Api } from "@kubernetes/client-node";
import type { Release } from "./release.ts";

export interface Container {
  /** As its own user; throws when the script fails. */
  run(script: string): Promise<string>;
  kill(): Promise<void>;
}

export async function containerOf(
  release: Release,
  namespace: string,
  pod: string,
  name: string,
): Promise<Container> {
  const id = await idOf(release, namespace, pod, name);
  return {
    run: (script) => tasks(release, "exec", "--exec-id", randomUUID(), id, "bash", "-c", script),
    kill: async () => void (await tasks(release, "kill", "--signal", "SIGKILL", id)),
  };
}

/** Its first one, as the node numbers them. */
export async function processOf(
  release: Release,
  namespace: string,
  pod: string,
  name: string,
): Promise<number> {
  const id = await idOf(release, namespace, pod, name);
  const line = (await tasks(release, "list")).split("\n").find((each) => each.startsWith(id));
  const pid = Number(/\s(\d+)\s/.exec(line ?? "")?.[1]);
  assert.ok(pid > 1, `${namespace}/${pod} has no process of ${name}`);
  return pid;
}

async function idOf({ node }: Release, namespace: string, pod: string, name: string): Promise<string> {
  const { status } = await node.config.makeApiClient(CoreV1Api).readNamespacedPod({ namespace, name: pod });
  const all = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  const id = all.find((container) => container.name === name)?.containerID?.replace("containerd://", "");
  assert.ok(id !== undefined, `${namespace}/${pod} has no running ${name}`);
  return id;
}

async function tasks({ node }: Release, ...words: readonly string[]): Promise<string> {
  const command = [
    "ctr",
    "--address",
    `${node.folder}/containerd.sock`,
    "--namespace",
    "k8s.io",
    "tasks",
  ] as const;
  const { code, stdout, stderr } = await node.inNode([...command, ...words]);
  assert.equal(code, 0, `${words.join(" ")}\n${stdout}${stderr}`);
  return stdout;
}
