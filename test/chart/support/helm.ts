/** helm as a user types it, and what comes of the chart. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { KubernetesObject } from "@kubernetes/client-node";
import { loadAll } from "js-yaml";
import { ROOT } from "#test/architecture/sources.ts";
import { clientsProblem, findClients } from "#tools/cluster/clients.ts";
import { COLLECTING_SELDOM } from "#tools/cluster/control-plane.ts";

export const CHART = join(ROOT, "charts/sallyport");
export const NAMESPACE = "sallyport-system";
const HELM_MS_MAX = 60_000;

/** For `describe(…, { skip: skipWithoutHelm() }, …)`; see skipWithoutApiTier. */
export function skipWithoutHelm(): string | false {
  const problem = clientsProblem();
  if (problem === undefined) return false;
  if (process.env["CI"] === "true") throw new Error(problem);
  return problem;
}

export interface HelmResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Does not throw when helm refuses: the code and what it said are the answer. */
export async function helm(words: readonly string[], kubeconfig = "/dev/null"): Promise<HelmResult> {
  const child = spawn(findClients().helm, words, {
    stdio: ["ignore", "pipe", "pipe"],
    signal: AbortSignal.timeout(HELM_MS_MAX),
    killSignal: "SIGKILL",
    // No HOME: nothing of this machine's own may matter, nor what was cached of another server at the same port.
    env: {
      PATH: process.env["PATH"] ?? "",
      ...COLLECTING_SELDOM,
      KUBECONFIG: kubeconfig,
      KUBECACHEDIR: `${kubeconfig}.cache`,
    },
  });
  const closed = once(child, "close");
  const [[code], stdout, stderr] = await Promise.all([closed, text(child.stdout), text(child.stderr)]);
  return { code: (code as number | null) ?? -1, stdout, stderr };
}

export type Values = Readonly<Record<string, unknown>>;

/** As flags; `--set-json` takes whole members, so that a value is written here as it would be in a file. */
export function valueFlags(values: Values): readonly string[] {
  return Object.entries(values).flatMap(([key, value]) => ["--set-json", `${key}=${JSON.stringify(value)}`]);
}

export function renderText(values: Values = {}): Promise<HelmResult> {
  return helm([
    "template",
    "sallyport",
    CHART,
    "--namespace",
    NAMESPACE,
    "--kube-version",
    "1.36.0",
    ...valueFlags(values),
  ]);
}

export type Rendered = KubernetesObject & {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
};

const renderings = new Map<string, Promise<HelmResult>>();

/** Of the same values helm makes the same, as test/chart/render.test.ts shows: it is asked once. */
export function renderedText(values: Values = {}): Promise<HelmResult> {
  const key = JSON.stringify(values);
  const rendering = renderings.get(key) ?? renderText(values);
  renderings.set(key, rendering);
  return rendering;
}

const readings = new Map<string, readonly Rendered[]>();

/** To be changed by whoever asks, and read once. */
export async function render(values: Values = {}): Promise<readonly Rendered[]> {
  const { code, stdout, stderr } = await renderedText(values);
  if (code !== 0) throw new Error(stderr);
  const objects = readings.get(stdout) ?? objectsIn(stdout);
  readings.set(stdout, objects);
  return structuredClone(objects);
}

export function objectsIn(yaml: string): readonly Rendered[] {
  return loadAll(yaml).filter((document) => document !== null && document !== undefined) as Rendered[];
}

export function find(objects: readonly Rendered[], kind: string, name: string): Rendered {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (found === undefined) throw new Error(`the chart has no ${kind} ${name}`);
  return found;
}
