import { type CommandResult, command } from "../frame/command.ts";
import { writeJson } from "../frame/json.ts";
import { painter } from "../frame/paint.ts";
import { ASKING_OPTIONS, mentionSilent, withBrokers } from "./asking.ts";
import { judge } from "./diagnosing/judge.ts";
import { nextOf } from "./diagnosing/next.ts";
import { renderDiagnosis } from "./diagnosing/render.ts";
import { lookAt } from "./diagnosing/seen.ts";

const NEVER = new AbortController().signal;

export const diagnose = command({
  summary: "find out why a pod does not get what it should",
  description: [
    "Looks at the namespace's label, the webhooks, the gateway's containers, whether the brokers trust the pod as it is now and " +
      "have its gateway connected with the newest policy, the Connections and policies of the namespace, and what the gateway " +
      "refused lately. Says what is missing, and what to do next.",
    "Each is looked at by your own rights: what you may not see is named, with the rule that is lacking. It takes `view` in the " +
      "namespace, and the way to the brokers (role sallyport-reach) for what they know.",
    "Exit code 1 when something is wrong.",
  ],
  positionals: [{ name: "POD", help: "its name" }],
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
  examples: ["kubectl sallyport diagnose -n shop agent-7d9c"],
  run: ({ options, positionals: [name = ""] }, io): Promise<CommandResult> =>
    withBrokers(options, io, async ({ place, brokers }) => {
      const { namespace } = place;
      const looked = await lookAt(name, place, brokers, NEVER);
      if (!looked.ok) return { cannotRun: looked.message };
      const seen = looked.value;
      if (seen === undefined) return { cannotRun: `there is no pod ${name} in namespace ${namespace}` };
      const judged = judge(seen);
      const patient = { namespace, pod: name, account: seen.pod.spec?.serviceAccountName ?? "default" };
      if (options.output === "json") {
        const { findings, gateway } = judged;
        const { refused = [], reaches = [] } = gateway ?? {};
        writeJson(io, {
          pod: { namespace, name },
          findings,
          refused: refused.map((each) => ({ ...each, next: nextOf(each.code, { ...patient, ...each }) })),
          reaches,
        });
      } else {
        io.out.write(renderDiagnosis(judged, patient, painter(io.out.colour)));
        if (seen.brokers.ok) mentionSilent(seen.brokers.value.silent, io);
      }
      return judged.findings.some(({ state }) => state === "wrong") ? 1 : 0;
    }),
});
