/** A Kubernetes with one node, Sallyport installed as the README does it, and a shop in it. All of it is gone when it is disposed. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { findClients } from "#tools/cluster/clients.ts";
import { agentImage, postgresImage } from "#tools/cluster/node/images.ts";
import { type NodeTier, startNodeTier } from "#tools/cluster/node/node-tier.ts";
import { IMAGE_NAMES, buildImages } from "#tools/images/images.ts";
import { VERSION } from "#cli/version.ts";
import { NotShown } from "../not-shown.ts";

export const SHOP = "shop";
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const PLUGIN = join(ROOT, "cli/kubectl-sallyport.ts");
const EXAMPLES = join(ROOT, "examples/kubernetes");
const COMMAND_MS_MAX = 180_000;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Town extends AsyncDisposable {
  /** What a person's shell is to have. */
  readonly environment: Readonly<Record<string, string>>;
  /** As a person types it: the first word is `kubectl` or `helm`. Answers whatever comes of it. */
  run(command: readonly string[], input?: string): Promise<Ran>;
  /** The same, where it has to work. */
  sh(command: readonly string[], input?: string): Promise<string>;
}

export async function openTown(say: (what: string) => void, signal: AbortSignal): Promise<Town> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "sallyport-demo-"));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  say("making the images, and starting a Kubernetes with one node …");
  // Both are waited for, whatever becomes of the other, so that nothing is left of either.
  const [built, started] = await Promise.allSettled([
    buildImages(IMAGE_NAMES, { out: folder, tag: VERSION }),
    startNodeTier().then((up) => opened.use(up)),
  ]);
  if (started.status === "rejected") throw started.reason;
  if (built.status === "rejected") throw built.reason;
  signal.throwIfAborted();
  const node = started.value;
  for (const archive of await Promise.all([agentImage(), postgresImage()])) await node.import(archive);
  for (const name of IMAGE_NAMES) await node.import(join(folder, `${name}.tar`));
  await symlink(PLUGIN, join(folder, "kubectl-sallyport"));
  const shell = shellOf(node, folder, signal);
  say("installing Sallyport, a database and an agent …");
  for (const command of INSTALL) await shell.sh(command);
  const kept = opened.move();
  return { ...shell, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

const chart = join(ROOT, "charts/sallyport");
const INSTALL: readonly (readonly string[])[] = [
  ["helm", "install", "sallyport", chart, "--namespace=sallyport-system", "--create-namespace", "--wait"],
  ["kubectl", "apply", `--filename=${EXAMPLES}`],
  ["kubectl", "wait", "deployments", "--all", "-A", "--for=condition=Available", "--timeout=2m"],
  ["kubectl", "wait", "connection/orders-db", `-n=${SHOP}`, "--for=condition=Ready", "--timeout=2m"],
];

function shellOf(
  { kubeconfig }: NodeTier,
  folder: string,
  signal: AbortSignal,
): Pick<Town, "environment" | "run" | "sh"> {
  const clients = findClients();
  const environment = {
    KUBECONFIG: kubeconfig,
    // What kubectl remembers of a server must not be found by the next one at the same address.
    KUBECACHEDIR: `${kubeconfig}.cache`,
    PATH: [folder, dirname(clients.kubectl), dirname(process.execPath), process.env["PATH"]].join(":"),
  };
  async function run([file = "", ...words]: readonly string[], input = ""): Promise<Ran> {
    const child = spawn(file, words, {
      cwd: ROOT,
      stdio: "pipe",
      signal: AbortSignal.any([signal, AbortSignal.timeout(COMMAND_MS_MAX)]),
      env: { ...process.env, ...environment },
    });
    const closed = once(child, "close");
    // It may end without having read all of it.
    child.stdin.on("error", () => undefined).end(input);
    const [[code], stdout, stderr] = await Promise.all([closed, text(child.stdout), text(child.stderr)]);
    return { code: (code as number | null) ?? -1, stdout, stderr };
  }
  return {
    environment,
    run,
    async sh(command, input) {
      const { code, stdout, stderr } = await run(command, input);
      if (code !== 0) throw new NotShown(`${command.join(" ")}\n${stderr}`);
      return stdout;
    },
  };
}
