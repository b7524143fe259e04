/**
 * The servers of a cluster, built from their Go modules once per machine and kept outside the tree. A program's folder is
 * named after everything that it depends on, so what is there is right and needs no further look.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { access, mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { startChild } from "#tools/world/child.ts";
import { cacheFolder, pruneFolders } from "./cache.ts";
import { makeOnce } from "./lock.ts";

type Module = "etcd" | "kubernetes";

/** In the order in which they are wanted: the first two are the api tier. */
const PROGRAMS = {
  etcd: { module: "etcd", package: "go.etcd.io/etcd/server/v3" },
  "kube-apiserver": { module: "kubernetes", package: "k8s.io/kubernetes/cmd/kube-apiserver" },
  "kube-controller-manager": {
    module: "kubernetes",
    package: "k8s.io/kubernetes/cmd/kube-controller-manager",
  },
  "kube-scheduler": { module: "kubernetes", package: "k8s.io/kubernetes/cmd/kube-scheduler" },
  kubelet: { module: "kubernetes", package: "k8s.io/kubernetes/cmd/kubelet" },
  "kube-proxy": { module: "kubernetes", package: "k8s.io/kubernetes/cmd/kube-proxy" },
} as const satisfies Record<string, { module: Module; package: string }>;

export type Program = keyof typeof PROGRAMS;
export const API_PROGRAMS = ["etcd", "kube-apiserver"] as const satisfies readonly Program[];
export const ALL_PROGRAMS = Object.keys(PROGRAMS) as readonly Program[];

/** The build has failed or takes longer than it may. Never a reason to skip: a tier that did not start proves nothing. */
export class BuildFailed extends Error {
  override readonly name = "BuildFailed";
}

export interface EnsureOptions {
  readonly signal?: AbortSignal;
  /** Told what takes long. */
  readonly say?: (line: string) => void;
}

const BUILD_MS_MAX = 25 * 60_000;
const KEYS_KEPT = 2;
const ENVIRONMENT = { CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOWORK: "off" } as const;

/** Why nothing can be built here, in one line. */
export function buildProblem(): string | undefined {
  if (process.platform !== "linux") return `a cluster for tests runs on Linux, not on ${process.platform}`;
  const version = goVersion();
  if (version === undefined) return "Go is missing: install Go 1.26 or newer for a cluster of tests";
  const needed = neededGo("kubernetes");
  return isAtLeast(version, needed)
    ? undefined
    : `Go ${needed} or newer is needed for a cluster of tests, not ${version}`;
}

/** Where the programs are, once they are there: builds what is missing, or waits for whoever is building it. */
export async function ensurePrograms<Wanted extends Program>(
  programs: readonly Wanted[],
  { signal, say = () => undefined }: EnsureOptions = {},
): Promise<Record<Wanted, string>> {
  const problem = buildProblem();
  if (problem !== undefined) throw new BuildFailed(problem);
  const deadline = AbortSignal.timeout(BUILD_MS_MAX);
  const either = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  const paths: Partial<Record<Wanted, string>> = {};
  for (const program of programs) {
    const path = pathOf(program);
    const isThere = (): Promise<boolean> =>
      access(path).then(
        () => true,
        () => false,
      );
    if (!(await isThere())) say(`${program} is not there yet: building it, or waiting for whoever does`);
    try {
      await makeOnce(`${cacheFolder()}/bin/lock`, isThere, () => build(program, path, either, say), either);
    } catch (cause) {
      if (!deadline.aborted) throw cause;
      throw new BuildFailed(`${program} is not built after ${BUILD_MS_MAX / 60_000} minutes`, { cause });
    }
    paths[program] = path;
  }
  return paths as Record<Wanted, string>;
}

function pathOf(program: Program): string {
  const { module } = PROGRAMS[program];
  return `${cacheFolder()}/bin/${module}-${keyOf(module)}/${program}`;
}

const keys = new Map<Module, string>();

function keyOf(module: Module): string {
  const known = keys.get(module);
  if (known !== undefined) return known;
  const hash = createHash("sha256");
  for (const part of [
    moduleFile(module, "go.mod"),
    moduleFile(module, "go.sum"),
    goVersion() ?? "",
    ...flagsOf(module),
  ])
    hash.update(`${part.length}:${part}`);
  const key = hash.digest("hex").slice(0, 16);
  keys.set(module, key);
  return key;
}

function flagsOf(module: Module): readonly string[] {
  const linked = { etcd: "-s -w", kubernetes: `-s -w ${kubernetesVersion()}` }[module];
  return ["-trimpath", "-mod=readonly", "-ldflags", linked];
}

/** What a release of Kubernetes is told by its own build; without, it takes itself for v0.0.0 and clients refuse it. */
function kubernetesVersion(): string {
  const [, version = "", major = "", minor = ""] =
    /^\s*k8s\.io\/kubernetes (v(\d+)\.(\d+)\.\d+)/m.exec(moduleFile("kubernetes", "go.mod")) ?? [];
  if (version === "") throw new TypeError("tools/kubernetes/go.mod names no version of Kubernetes");
  const facts = {
    gitVersion: version,
    gitMajor: major,
    gitMinor: minor,
    gitTreeState: "archive",
    gitCommit: "0".repeat(40),
    buildDate: "1970-01-01T00:00:00Z",
  };
  return ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"]
    .flatMap((path) => Object.entries(facts).map(([name, value]) => `-X ${path}.${name}=${value}`))
    .join(" ");
}

async function build(
  program: Program,
  path: string,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  const { module, package: from } = PROGRAMS[program];
  // We have the lock: what lies there is of a build that was cut off.
  const draft = `${path}.draft`;
  await rm(draft, { force: true });
  await mkdir(dirname(path), { recursive: true });
  const startMs = Date.now();
  const environment = { ...definedOf(process.env), ...ENVIRONMENT };
  const command = [
    "nice",
    "-n",
    "10",
    "go",
    "-C",
    moduleFolder(module),
    "build",
    ...flagsOf(module),
    "-o",
    draft,
    from,
  ];
  await using go = startChild(["env", ...command], { environment, endedBy: "SIGKILL" });
  const stop = (): void => endGroup(go.pid);
  signal.addEventListener("abort", stop, { once: true });
  const { code } = await go.exited;
  signal.removeEventListener("abort", stop);
  signal.throwIfAborted();
  if (code !== 0) throw new BuildFailed(`${program} cannot be built:\n${go.output().slice(-4_000)}`);
  await rename(draft, path);
  say(`built ${program} in ${Math.round((Date.now() - startMs) / 1_000)} s`);
  await pruneFolders(dirname(dirname(path)), new RegExp(`^${module}-`), KEYS_KEPT);
}

/** With the compilers that it has started. */
function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // It has just ended by itself.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function goVersion(): string | undefined {
  const { status, stdout } = spawnSync("go", ["version"], {
    encoding: "utf8",
    env: { ...process.env, ...ENVIRONMENT },
  });
  return status === 0 ? /\bgo(\d+\.\d+(?:\.\d+)?.*)/.exec(stdout)?.[1]?.trim() : undefined;
}

function neededGo(module: Module): string {
  return /^go (\S+)$/m.exec(moduleFile(module, "go.mod"))?.[1] ?? "";
}

/** `1.26.8 linux/amd64` is at least `1.26.0`. */
function isAtLeast(version: string, needed: string): boolean {
  const numbers = (text: string): readonly number[] => (text.split(/[^\d.]/)[0] ?? "").split(".").map(Number);
  const [has, wants] = [numbers(version), numbers(needed)];
  const differing = wants.findIndex((want, index) => (has[index] ?? 0) !== want);
  return differing < 0 || (has[differing] ?? 0) > (wants[differing] ?? 0);
}

function moduleFolder(module: Module): string {
  return fileURLToPath(new URL(`../${module}`, import.meta.url));
}

function moduleFile(module: Module, name: "go.mod" | "go.sum"): string {
  return readFileSync(`${moduleFolder(module)}/${name}`, "utf8");
}

function definedOf(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
