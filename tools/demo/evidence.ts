/** What `sallyport audit` says, read from where the demo read last. */
import { execFile } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const ARRIVAL_MS_MAX = 5_000;

export interface Row {
  readonly session: string;
  readonly seq: number;
  readonly event: Readonly<Record<string, unknown>> & { readonly kind: string };
}

export interface Evidence {
  /** Events of the agent's sessions since the call before, in order; waits until one satisfies `until`. */
  since(until: (row: Row) => boolean): Promise<readonly Row[]>;
  command(...words: readonly string[]): Promise<string>;
  readonly directory: string;
}

export function evidence(program: readonly [string, ...string[]], directory: string): Evidence {
  let known = 0;
  const command = async (...words: readonly string[]): Promise<string> => {
    const [file, ...first] = program;
    const { stdout } = await run(file, [...first, ...words], { maxBuffer: OUTPUT_BYTES_MAX });
    return stdout;
  };
  const rows = async (): Promise<readonly Row[]> => {
    const text = await command("audit", "tail", directory, "--lines", "1000", "--output", "json");
    return (
      text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Row)
        .filter(({ event }) => !event.kind.startsWith("broker."))
        // One for each connection that the gateway opens, and it opens some to look things up.
        .filter(({ event }) => event["action"] !== "proved")
    );
  };
  return {
    directory,
    command,
    async since(until) {
      const deadlineMs = Date.now() + ARRIVAL_MS_MAX;
      for (;;) {
        const all = await rows();
        const fresh = all.slice(known);
        if (fresh.some(until)) {
          known = all.length;
          return fresh;
        }
        if (Date.now() > deadlineMs) throw new Error("the trail does not say what the demo waits for");
        await pause(100);
      }
    },
  };
}

/** One line for each event, without what the reader has seen already. */
export function inWords({ event }: Row): string {
  switch (event.kind) {
    case "session.open":
      return `session.open  ${subjectOf(event)} at listener ${word(event, "listener")}`;
    case "request":
      return joined([
        `request  ${word(event, "outcome")} ${word(event, "code")}`,
        list(event, "accesses"),
        word(event, "by") === "" ? "" : `by ${word(event, "by").split("@")[0] ?? ""}`,
      ]);
    case "result": {
      const masked = word(event, "maskedValues");
      return joined([
        `result   ${word(event, "ended")}`,
        `${word(event, "rows")} rows`,
        masked === "0" ? "" : `${masked} values masked`,
      ]);
    }
    case "credential":
      return `credential  ${word(event, "action")} for ${word(event, "source")}`;
    case "session.close":
      return `session.close  ${word(event, "code")}, ${word(event, "requests")} requests, ${word(event, "maskedValues")} values masked`;
    default:
      return event.kind;
  }
}

function word(event: Row["event"], name: string): string {
  const value = event[name];
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function list(event: Row["event"], name: string): string {
  const value = event[name];
  return Array.isArray(value) ? value.map(String).join(", ") : "";
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join("  ");
}

interface WithCaller {
  readonly caller?: {
    readonly identity?: {
      readonly oidc?: { readonly provider: string; readonly claims: Readonly<Record<string, unknown>> };
    };
  };
}

function subjectOf(event: Row["event"]): string {
  const { oidc } = (event as WithCaller).caller?.identity ?? {};
  return oidc === undefined ? "somebody" : `${String(oidc.claims["sub"])}, said by ${oidc.provider},`;
}
