/** A psql of the agent's that stays open, and is told what to ask: what a person would see who had a shell in its container. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { NotShown } from "../not-shown.ts";
import { SHOP, type Town } from "./town.ts";

export interface OpenSession extends AsyncDisposable {
  /** Rows or the error, as psql prints them. */
  ask(statement: string): Promise<readonly string[]>;
}

export const PSQL = ["psql", "--host=orders-db.shop", "--dbname=shop"] as const;
const IN_AGENT = [
  "exec",
  "-i",
  "deployment/agent",
  `--namespace=${SHOP}`,
  "--container=agent",
  "--",
] as const;
const ANSWER_MS_MAX = 60_000;

export function inAgent(command: readonly string[]): readonly string[] {
  return ["kubectl", ...IN_AGENT, ...command];
}

export function openSession({ environment }: Pick<Town, "environment">): OpenSession {
  const psql = `${PSQL.join(" ")} --no-psqlrc --quiet --tuples-only --no-align 2>&1`;
  const child = spawn("kubectl", [...IN_AGENT, "sh", "-c", psql], {
    // What psql says is in its output; kubectl only adds how it ended.
    stdio: ["pipe", "pipe", "ignore"],
    env: { ...process.env, ...environment },
    // Ctrl-C is ours to answer.
    detached: true,
  });
  const ended = once(child, "close");
  child.stdin.on("error", () => undefined);
  let said = "";
  let heard: () => void = () => undefined;
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    said += piece;
    heard();
  });
  let asked = 0;
  return {
    async ask(statement) {
      asked += 1;
      const mark = `answered ${asked}\n`;
      const from = said.length;
      // psql's own echo comes when the statement is over, whatever became of it.
      child.stdin.write(`${statement};\n\\echo ${mark}`);
      const patience = AbortSignal.timeout(ANSWER_MS_MAX);
      while (!said.includes(mark, from)) {
        const isOver = await Promise.race([
          new Promise<false>((more) => (heard = () => more(false))),
          ended.then(() => true),
          once(patience, "abort").then(() => true),
        ]);
        if (isOver && !said.includes(mark, from)) break;
      }
      if (patience.aborted) throw new NotShown(`no answer to ${statement}: ${said.slice(from)}`);
      return said.slice(from).replace(mark, "").trimEnd().split("\n");
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      child.kill("SIGTERM");
      await ended;
    },
  };
}
