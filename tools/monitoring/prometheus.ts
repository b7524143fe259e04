/** A real Prometheus, from the distribution, in a folder of its own. */
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "#tools/cluster/ports.ts";
import { startChild } from "#tools/world/child.ts";

/** What is missing, in one line; undefined when nothing is. */
export function prometheusProblem(): string | undefined {
  const missing = ["prometheus", "promtool"].filter((program) => !isInstalled(program));
  return missing.length === 0
    ? undefined
    : `not installed: ${missing.join(" and ")} (tools/setup/prometheus.sh)`;
}

function isInstalled(program: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export type Labels = Readonly<Record<string, string>>;
export interface Sample {
  readonly metric: Labels;
  readonly value: readonly [number, string];
}
export interface Line {
  readonly metric: Labels;
  readonly values: readonly (readonly [number, string])[];
}
export interface Range {
  readonly fromS: number;
  readonly toS: number;
  readonly stepS: number;
}

/** Both reject with Prometheus' own words when an expression is wrong. */
export interface Prometheus extends AsyncDisposable {
  readonly url: string;
  query(expr: string): Promise<readonly Sample[]>;
  range(expr: string, range: Range): Promise<readonly Line[]>;
  rules(): Promise<
    readonly { readonly name: string; readonly health: string; readonly lastError?: string }[]
  >;
}

/** `config`: its configuration file, as an object. Scrapes what that names, from the first seconds on. */
export async function startPrometheus(config: object): Promise<Prometheus> {
  await using started = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "prometheus-"));
  started.defer(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "prometheus.json");
  await writeFile(file, JSON.stringify(config));
  const [port = 0] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const server = started.use(
    startChild(
      [
        "prometheus",
        `--config.file=${file}`,
        `--storage.tsdb.path=${folder}/data`,
        `--web.listen-address=${address}`,
      ],
      { folder },
    ),
  );
  await server.line(/Server is ready to receive web requests/);
  const url = `http://${address}`;
  const owned = started.move();
  return { url, ...answersOf(url), [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function answersOf(url: string): Pick<Prometheus, "query" | "range" | "rules"> {
  const ask = async <Data>(path: string, parameters: Labels = {}): Promise<Data> => {
    const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`);
    const answer = (await response.json()) as { readonly data: Data; readonly error?: string };
    if (!response.ok) throw new Error(`${parameters["query"] ?? path}: ${answer.error}`);
    return answer.data;
  };
  return {
    query: async (query) => (await ask<{ readonly result: readonly Sample[] }>("query", { query })).result,
    range: async (query, { fromS, toS, stepS }) => {
      const times = { start: String(fromS), end: String(toS), step: String(stepS) };
      return (await ask<{ readonly result: readonly Line[] }>("query_range", { query, ...times })).result;
    },
    rules: async () => {
      type Rules = Awaited<ReturnType<Prometheus["rules"]>>;
      const { groups } = await ask<{ readonly groups: readonly { readonly rules: Rules }[] }>("rules");
      return groups.flatMap((group) => group.rules);
    },
  };
}
