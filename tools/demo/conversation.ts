/** The agent's process, spoken to one statement at a time. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { AgentAnswer } from "./agent.ts";

export interface Conversation extends AsyncDisposable {
  readonly pid: number;
  readonly environment: Readonly<Record<string, string>>;
  ask(statement: string): Promise<AgentAnswer>;
  /** Lets it end its session and go. */
  finish(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL("agent.ts", import.meta.url));

export async function startAgent(environment: Readonly<Record<string, string>>): Promise<Conversation> {
  const child = spawn(process.execPath, [PROGRAM], {
    stdio: ["pipe", "pipe", "pipe"],
    // Its own session of the terminal: Ctrl-C is ours to hear first.
    detached: true,
    env: environment,
  });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaint += text));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const { done, value } = await lines.next();
    if (done === true) throw new Error(`the agent has ended: ${complaint}`);
    return JSON.parse(value) as unknown;
  };
  const finish = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.stdin.end();
    await once(child, "exit");
  };
  await next();
  return {
    pid: child.pid ?? -1,
    environment,
    async ask(statement) {
      child.stdin.write(`${JSON.stringify(statement)}\n`);
      return (await next()) as AgentAnswer;
    },
    finish,
    async [Symbol.asyncDispose]() {
      child.stdin.on("error", () => undefined);
      await finish();
    },
  };
}
