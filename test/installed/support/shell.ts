/** A shell like that of the documents' readers: kubectl and helm of the cluster, and make. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { ROOT } from "#test/architecture/sources.ts";
import { findClients } from "#tools/cluster/clients.ts";
import type { NodeTier } from "#tools/cluster/node/node-tier.ts";
import { ownerMark } from "#tools/cluster/owner.ts";

export interface Ran {
  readonly code: number;
  /** Both streams, in the order in which they came. */
  readonly output: string;
}

export interface Shell extends AsyncDisposable {
  /** In the repository, with the environment of the one before. Answers whatever comes of it. */
  run(script: string): Promise<Ran>;
  /** What it printed; throws when it fails. */
  sh(script: string): Promise<string>;
  /** From here on `make cluster` finds this cluster, which is up already. */
  stand(node: NodeTier): Promise<void>;
}

const SCRIPT_MS_MAX = 180_000;

export async function openShell(): Promise<Shell> {
  const folder = await mkdtemp(join(tmpdir(), "sallyport-shell-"));
  const programs = join(folder, "bin");
  await mkdir(programs);
  // As docs/command-line.md has it.
  await symlink(join(ROOT, "cli/kubectl-sallyport.ts"), join(programs, "kubectl-sallyport"));
  const environment: Record<string, string | undefined> = {
    ...process.env,
    PATH: [programs, dirname(process.execPath), dirname(findClients().helm), process.env["PATH"]].join(":"),
    SALLYPORT_CLUSTER: folder,
    // Nothing of this machine's own may matter, or be changed.
    ...Object.fromEntries(
      ["CACHE", "CONFIG", "DATA"].map((what) => [`HELM_${what}_HOME`, join(folder, what)]),
    ),
    KUBECACHEDIR: join(folder, "kubectl"),
    KUBECONFIG: "/dev/null",
    MAKEFLAGS: undefined,
  };
  const run = async (script: string): Promise<Ran> => {
    const child = spawn("/bin/sh", ["-euc", `exec 2>&1\n${script}`], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "inherit"],
      env: environment,
      signal: AbortSignal.timeout(SCRIPT_MS_MAX),
      killSignal: "SIGKILL",
    });
    const closed = once(child, "close");
    const [[code], output] = await Promise.all([closed, text(child.stdout)]);
    return { code: (code as number | null) ?? -1, output };
  };
  return {
    run,
    async sh(script) {
      const { code, output } = await run(script);
      assert.equal(code, 0, `${script}\n${output}`);
      return output;
    },
    async stand({ kubeconfig }) {
      environment["KUBECONFIG"] = kubeconfig;
      const standing = { mark: ownerMark(), pid: process.pid, kubeconfig, images: [] };
      await writeFile(join(folder, "standing.json"), JSON.stringify(standing));
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}
