import { setTimeout as pause } from "node:timers/promises";
import type { AdminSessions } from "#broker/api/administration.ts";
import { PEOPLE_PATHS } from "#core/port/people.ts";
import { type CommandResult, command } from "../frame/command.ts";
import type { Io } from "../frame/io.ts";
import { writeJson } from "../frame/json.ts";
import { printSessions } from "../sessions.ts";
import { ASKING_OPTIONS, inNamespace, mentionSilent, withBrokers } from "./asking.ts";
import type { Answers } from "./brokers.ts";
import { EVERYWHERE_OPTION } from "./place.ts";

const LOOK_AGAIN_MS = 1_000;
const TOP = "\u001b[2J\u001b[H";
const NEVER = new AbortController().signal;

export const sessions = command({
  summary: "list the sessions of pods that are open now",
  description: [
    "One session a line: which pod's it is, where it leads, since when, and what it has done so far. Every replica of the broker " +
      "is asked, since each knows of its own gateways; gateways report every two seconds.",
    "It takes the right to list sessions.sallyport.dev, in the namespace or everywhere, and the way to the brokers: roles " +
      "sallyport-view and sallyport-reach.",
    "Exit code 1 when a replica did not answer.",
  ],
  positionals: [],
  options: {
    ...ASKING_OPTIONS,
    ...EVERYWHERE_OPTION,
    watch: { type: "boolean", short: "w", help: "look again every second until interrupted" },
    output: {
      type: "string",
      short: "o",
      choices: ["human", "json"],
      default: "human",
      help: "how to print",
    },
  },
  examples: ["kubectl sallyport sessions -n shop", "kubectl sallyport sessions -A --watch"],
  run: ({ options }, io): Promise<CommandResult> =>
    withBrokers(options, io, async ({ place, brokers }) => {
      const path = inNamespace(PEOPLE_PATHS.sessions, place, options["all-namespaces"]);
      for (;;) {
        const asked = await brokers.ask<AdminSessions>("GET", path, NEVER);
        if (!asked.ok) return { cannotRun: asked.message };
        if (options.watch && options.output === "human" && io.out.colour) io.out.write(TOP);
        print(asked.value, options.output === "json", io);
        if (!options.watch) return asked.value.silent.length > 0 ? 1 : 0;
        await pause(LOOK_AGAIN_MS);
      }
    }),
});

function print({ answers, silent }: Answers<AdminSessions>, isJson: boolean, io: Io): void {
  const sessions = answers.flatMap(({ replica, value }) =>
    value.sessions.map((session) => ({ ...session, broker: replica })),
  );
  if (isJson) return writeJson(io, { sessions, silent });
  printSessions(sessions, "pod", io);
  mentionSilent(silent, io);
}
