/** A node on which Sallyport is installed, by the commands of the README and no others. */
import assert from "node:assert/strict";
import type { KubernetesObject } from "@kubernetes/client-node";
import { join } from "node:path";
import { ROOT } from "#test/architecture/sources.ts";
import { agentImage, postgresImage } from "#tools/cluster/node/images.ts";
import { type NodeTier, type NodeTierOptions, startNodeTier } from "#tools/cluster/node/node-tier.ts";
import { IMAGE_NAMES } from "#tools/images/images.ts";
import { commandsOf } from "./pages.ts";
import { type Shell, openShell } from "./shell.ts";

export interface Release extends Shell {
  readonly node: NodeTier;
  /** What the agents' pods run in tests. */
  readonly agent: string;
  /** How long each step took. */
  readonly figures: Readonly<Record<string, number>>;
  kubectl(words: string): Promise<string>;
  apply(...items: readonly KubernetesObject[]): Promise<void>;
  /** In a pod of a namespace, as its agent. */
  inAgent(namespace: string, pod: string, script: string, container?: string): Promise<string>;
}

/** What `make images` and `make cluster` put into a cluster, side by side with its start. */
export async function installRelease(options: NodeTierOptions = {}): Promise<Release> {
  await using cluster = new AsyncDisposableStack();
  const figures: Record<string, number> = {};
  const timed = async <Result>(figure: string, step: () => Promise<Result>): Promise<Result> => {
    const fromMs = performance.now();
    const result = await step();
    figures[figure] = Math.round(performance.now() - fromMs);
    return result;
  };
  const shell = cluster.use(await openShell());
  // The images are made while the cluster starts, which is the only liberty that is taken.
  const [images = "", ...others] = commandsOf("README.md")[0]?.script.split("\n") ?? [];
  assert.equal(images, "make images");
  const withAgents = async (): Promise<NodeTier> => {
    const up = await timed("installed.node-ms", async () => cluster.use(await startNodeTier(options)));
    for (const archive of await Promise.all([agentImage(), postgresImage()])) await up.import(archive);
    return up;
  };
  // Both are waited for, whatever comes of the other, so that nothing is left of either.
  const [started, built] = await Promise.allSettled([
    withAgents(),
    timed("installed.images-ms", () => shell.sh(images)),
  ]);
  if (started.status === "rejected") throw started.reason;
  if (built.status === "rejected") throw built.reason;
  const node = started.value;
  // One after the other: two at once would each unpack the layer that they share.
  await timed("installed.import-ms", async () => {
    for (const name of IMAGE_NAMES) await node.import(join(ROOT, "dist/images", `${name}.tar`));
  });
  await shell.stand(node);
  await timed("installed.commands-ms", () => shell.sh(others.join("\n")));
  const owned = cluster.move();
  return {
    ...shell,
    ...tools(node),
    node,
    agent: "localhost/test/agent:1",
    figures,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function tools(node: NodeTier): Pick<Release, "kubectl" | "apply" | "inAgent"> {
  const run = async (words: readonly string[], stdin = ""): Promise<string> => {
    const { code, stdout, stderr } = await node.kubectl(words, { stdin });
    assert.equal(code, 0, `kubectl ${words.join(" ")}\n${stderr}`);
    return stdout;
  };
  return {
    kubectl: (words) => run(words.split(" ")),
    apply: async (...items) => {
      await run(["apply", "--filename=-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
    },
    inAgent: (namespace, pod, script, container = "agent") =>
      run(["exec", "--namespace", namespace, pod, `--container=${container}`, "--", "bash", "-c", script]),
  };
}
