import type { AdminStatus } from "#broker/api/administration.ts";
import { PEOPLE_PATHS } from "#core/port/people.ts";
import { type CommandResult, command } from "../frame/command.ts";
import type { Io } from "../frame/io.ts";
import { writeJson } from "../frame/json.ts";
import { painter, printable } from "../frame/paint.ts";
import { columns, count } from "../frame/text.ts";
import { trailText } from "../status.ts";
import { ASKING_OPTIONS, mentionSilent, withBrokers } from "./asking.ts";
import type { Answers, FromReplica } from "./brokers.ts";

const NEVER = new AbortController().signal;

export const status = command({
  summary: "show how the brokers of a cluster are",
  description: [
    "One replica of the broker a line: how many gateways are connected to it, their sessions, the credentials that it has lent, " +
      "whether its trail can be written; and what is wrong. Whether gateways apply a policy is said by the policy itself: " +
      "`kubectl wait --for=condition=Enforced`.",
    "It takes the right to get brokers.sallyport.dev, and the way to the brokers: roles sallyport-respond and sallyport-reach.",
    "Exit code 1 when something is not as it should be.",
  ],
  positionals: [],
  options: {
    ...ASKING_OPTIONS,
    output: {
      type: "string",
      short: "o",
      choices: ["human", "json"],
      default: "human",
      help: "how to print",
    },
  },
  examples: ["kubectl sallyport status", "kubectl sallyport status -o json"],
  run: ({ options }, io): Promise<CommandResult> =>
    withBrokers(options, io, async ({ brokers }) => {
      const asked = await brokers.ask<AdminStatus>("GET", PEOPLE_PATHS.status, NEVER);
      if (!asked.ok) return { cannotRun: asked.message };
      const { answers, silent } = asked.value;
      if (options.output === "json")
        writeJson(io, {
          brokers: answers.map(({ replica, value }) => ({ broker: replica, ...value })),
          silent,
        });
      else print(asked.value, io);
      const isWell = answers.every(
        ({ value }) => value.missing.length === 0 && value.trail.state === "ready",
      );
      return isWell && silent.length === 0 ? 0 : 1;
    }),
});

function print({ answers, silent }: Answers<AdminStatus>, io: Io): void {
  const paint = painter(io.out.colour);
  const head = ["broker", "gateways", "sessions", "leases", "trail"];
  for (const line of columns([head, ...answers.map(rowOf)])) io.out.write(`${line}\n`);
  for (const { replica, value } of answers) {
    if (value.missing.length === 0) continue;
    io.out.write(`\n${paint("red", count(value.missing.length, "problem"))} of ${printable(replica)}\n`);
    for (const what of value.missing) io.out.write(`  ${printable(what)}\n`);
  }
  mentionSilent(silent, io);

  function rowOf({ replica, value }: FromReplica<AdminStatus>): readonly string[] {
    const attached = value.workers.filter(({ isAttached }) => isAttached);
    const sessions = attached.reduce((sum, each) => sum + each.sessions, 0);
    return [
      printable(replica),
      String(attached.length),
      String(sessions),
      String(value.leases),
      trailText(value, paint),
    ];
  }
}
