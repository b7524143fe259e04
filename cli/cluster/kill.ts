import type { FromReplica as Recorded } from "#broker/api/people/routes.ts";
import type { KillRequest, Killed } from "#broker/api/administration.ts";
import { PEOPLE_PATHS } from "#core/port/people.ts";
import { type CommandResult, command } from "../frame/command.ts";
import { painter } from "../frame/paint.ts";
import { printKilled } from "../kill.ts";
import { ASKING_OPTIONS, inNamespace, mentionSilent, withBrokers } from "./asking.ts";
import { EVERYWHERE_OPTION } from "./place.ts";

const NEVER = new AbortController().signal;

export const kill = command({
  summary: "end sessions of pods",
  description: [
    "Ends one session, or all of one pod, at once: what runs is cancelled, the client is told REVOKED, the credential is taken " +
      "back. Whichever replica of the broker has it does so, and puts your name on record.",
    "It does not keep anybody out: who may connect may connect again. `kubectl sallyport revoke` does that, and ends open sessions too.",
    "It takes the right to delete sessions.sallyport.dev, in the namespace or everywhere, and the way to the brokers: roles " +
      "sallyport-respond and sallyport-reach.",
    "Exit code 1 when nothing was ended, or a replica did not answer that may hold more.",
  ],
  positionals: [
    { name: "SESSION", help: "the session, as `kubectl sallyport sessions` names it", optional: true },
  ],
  options: {
    ...ASKING_OPTIONS,
    ...EVERYWHERE_OPTION,
    pod: { type: "string", value: "POD", help: "every session of the pod of that name" },
  },
  examples: [
    "kubectl sallyport kill -n shop 9hTq0mWl3vLwYk2bXo1rGA",
    "kubectl sallyport kill -n shop --pod agent-7d9c",
  ],
  run: ({ options, positionals: [session] }, io): Promise<CommandResult> => {
    const wanted = wantedOf(session, options.pod);
    if (wanted === undefined)
      return Promise.resolve({ cannotRun: "give a SESSION, or --pod POD, and not both" });
    return withBrokers(options, io, async ({ place, brokers }) => {
      const path = inNamespace(PEOPLE_PATHS.kill, place, options["all-namespaces"]);
      const asked = await brokers.ask<Killed & Recorded>("POST", path, NEVER, wanted);
      if (!asked.ok) return { cannotRun: asked.message };
      const { answers, silent } = asked.value;
      const killed = answers.flatMap(({ value }) => value.killed);
      printKilled(killed, io);
      mentionSilent(silent, io);
      if (answers.some(({ value }) => value.isOnRecord === false))
        io.err.write(`${painter(io.err.colour)("yellow", "note:")} that could not be put on record\n`);
      return killed.length > 0 && silent.length === 0 ? 0 : 1;
    });
  },
});

function wantedOf(session: string | undefined, pod: string | undefined): KillRequest | undefined {
  if (session === undefined) return pod === undefined ? undefined : { pod };
  return pod === undefined ? { session } : undefined;
}
