import { setTimeout as pause } from "node:timers/promises";
import type { AdminSession, AdminSessions } from "#broker/api/administration.ts";
import { DATA_OPTION, adminPath, askBroker } from "./admin/client.ts";
import { type CommandResult, command } from "./frame/command.ts";
import type { Io } from "./frame/io.ts";
import { writeJson } from "./frame/json.ts";
import { printable } from "./frame/paint.ts";
import { columns, count } from "./frame/text.ts";
import { instantText } from "./frame/time.ts";

const LOOK_AGAIN_MS = 1_000;
/** Clears the screen and goes to its beginning. */
const TOP = "\u001b[2J\u001b[H";

export const sessions = command({
  summary: "list the sessions that are open on a running gateway",
  description: [
    "One session a line: who it is, where it leads, since when, and what it has done so far. Workers report every two seconds.",
  ],
  positionals: [],
  options: {
    ...DATA_OPTION,
    watch: { type: "boolean", help: "look again every second until interrupted" },
    output: { type: "string", choices: ["human", "json"], default: "human", help: "how to print" },
  },
  examples: ["sallyport sessions", "sallyport sessions --watch"],
  run: async ({ options }, io): Promise<CommandResult> => {
    for (;;) {
      const asked = await askBroker<AdminSessions>(adminPath(options.data), ["GET", "/sessions"]);
      if (!asked.ok) return { cannotRun: asked.message };
      if (options.output === "json") writeJson(io, asked.value);
      else {
        if (options.watch && io.out.colour) io.out.write(TOP);
        printSessions(asked.value.sessions, "worker", io);
      }
      if (!options.watch) return 0;
      await pause(LOOK_AGAIN_MS);
    }
  },
});

/** By whom a session is known: of one host the subject and the worker, in a cluster the pod. */
const WHERE = {
  worker: {
    head: ["session", "subject", "connection", "since", "statements", "rows", "worker"],
    row: ({ caller, worker }: AdminSession, [session, ...rest]: readonly string[]) => [
      session ?? "",
      printable(caller),
      ...rest,
      worker,
    ],
  },
  pod: {
    head: ["session", "pod", "connection", "since", "statements", "rows"],
    row: ({ pod }: AdminSession, [session, ...rest]: readonly string[]) => [
      session ?? "",
      pod === undefined ? "" : printable(`${pod.namespace}/${pod.name}`),
      ...rest,
    ],
  },
} as const;

export function printSessions(all: readonly AdminSession[], where: keyof typeof WHERE, io: Io): void {
  if (all.length > 0) {
    const { head, row } = WHERE[where];
    const rows = all.toSorted((a, b) => a.sinceMs - b.sinceMs).map((one) => row(one, cellsOf(one)));
    for (const line of columns([[...head], ...rows])) io.out.write(`${line}\n`);
  }
  io.out.write(`${count(all.length, "session")}\n`);
}

function cellsOf({ session, connection, sinceMs, statements, rows }: AdminSession): readonly string[] {
  const place = `${connection.namespace}/${connection.name}`;
  const since = instantText(Math.floor(sinceMs / 1_000) * 1_000);
  return [session, place, since, String(statements), String(rows)];
}
