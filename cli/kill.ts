import type { KillRequest, Killed } from "#broker/api/administration.ts";
import { DATA_OPTION, adminPath, askBroker } from "./admin/client.ts";
import { type CommandResult, command } from "./frame/command.ts";
import type { Io } from "./frame/io.ts";
import { printable } from "./frame/paint.ts";
import { count } from "./frame/text.ts";

export const kill = command({
  summary: "end sessions of a running gateway",
  description: [
    "Ends one session, or all of one subject, at once: what runs is cancelled, the client is told REVOKED, the credential is " +
      "taken back.",
    "It does not keep anybody out: who may connect may connect again. A deny rule does that, and ends open sessions too.",
    "Exit code 1 when there was no such session.",
  ],
  positionals: [
    { name: "SESSION", help: "the session, as `sallyport sessions` and the trail name it", optional: true },
  ],
  options: {
    ...DATA_OPTION,
    subject: {
      type: "string",
      value: "SUBJECT",
      help: "every session of this subject, as `sallyport sessions` shows it",
    },
  },
  examples: [
    "sallyport kill 9hTq0mWl3vLwYk2bXo1rGA",
    'sallyport kill --subject "a token of github-actions for repo:acme/reports:ref:refs/heads/main"',
  ],
  run: async ({ options, positionals: [session] }, io): Promise<CommandResult> => {
    const wanted = wantedOf(session, options.subject);
    if (wanted === undefined) return { cannotRun: "give a SESSION, or --subject SUBJECT, and not both" };
    const asked = await askBroker<Killed>(adminPath(options.data), ["POST", "/kill"], wanted);
    if (!asked.ok) return { cannotRun: asked.message };
    const { killed } = asked.value;
    printKilled(killed, io);
    return killed.length > 0 ? 0 : 1;
  },
});

export function printKilled(killed: readonly string[], io: Io): void {
  io.out.write(`${count(killed.length, "session")} ended\n`);
  for (const session of killed) io.out.write(`  ${printable(session)}\n`);
}

function wantedOf(session: string | undefined, caller: string | undefined): KillRequest | undefined {
  if (session === undefined) return caller === undefined ? undefined : { caller };
  return caller === undefined ? { session } : undefined;
}
