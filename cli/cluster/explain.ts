import { loadKinds } from "#core/api/load.ts";
import { documentOf } from "#operator/admission/kinds/document.ts";
import { KubeError } from "#operator/kube/error.ts";
import {
  CONNECTIONS,
  GUARDRAILS,
  IDENTITY_PROVIDERS,
  PODS,
  POLICIES,
  objectKey,
} from "#operator/kube/resource.ts";
import { type Configuration, configurationOf } from "../configuration.ts";
import { QUESTION_OPTIONS, SUBJECT_HELP, answerQuestion, readQuestion } from "../explain.ts";
import { readConnection } from "../explaining/subject.ts";
import { type CommandResult, command } from "../frame/command.ts";
import { PLACE_OPTIONS, type Place, openPlace } from "./place.ts";

const NEVER = new AbortController().signal;

export const explain = command({
  summary: "ask what the cluster's policies decide about one statement of a pod, and why",
  description: [
    "As `sallyport explain`, with the kinds of the cluster: the Connections and policies of the connection's namespace, and the " +
      "guardrails. The same functions decide here as in the gateway; only the catalog is that of a stock PostgreSQL.",
    "It takes the right to list them: role sallyport-view, bound everywhere for the guardrails.",
    "Exit code 0 when it is allowed, 1 when it is refused or a person is asked, 2 when the question cannot be put. The " +
      "statement's literals are never printed.",
  ],
  positionals: [],
  options: {
    ...PLACE_OPTIONS,
    pod: { type: "string", value: "POD", help: "who asks: a pod of the namespace" },
    subject: { type: "string", value: "WHO", help: `or ${SUBJECT_HELP}` },
    ...QUESTION_OPTIONS,
    output: {
      type: "string",
      short: "o",
      choices: ["human", "json"],
      default: "human",
      help: "how to print",
    },
  },
  examples: [
    "kubectl sallyport explain -n shop --pod agent-7d9c --connection shop/orders-db \\\n" +
      "  --statement 'select * from customers'",
  ],
  run: async ({ options: given }, io): Promise<CommandResult> => {
    if ((given.pod === undefined) === (given.subject === undefined))
      return { cannotRun: "say who asks: --pod POD, or --subject WHO, and not both" };
    const connection = readConnection(given.connection);
    if (!connection.ok) return { cannotRun: connection.message };
    const opened = openPlace(given);
    if ("cannotRun" in opened) return opened;
    using place = opened;
    try {
      const subject = given.subject ?? (await subjectOf(given.pod ?? "", place));
      if (subject === undefined)
        return { cannotRun: `there is no pod ${given.pod} in namespace ${place.namespace}` };
      const question = await readQuestion({ ...given, subject }, io);
      if (!question.ok) return { cannotRun: question.message };
      const configuration = await read(place, connection.value.namespace);
      return await answerQuestion(question.value, configuration, given, io);
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      return { cannotRun: `${error.message}\nwhat may be asked here is in the role sallyport-view` };
    }
  },
});

async function subjectOf(pod: string, { kube, namespace }: Place): Promise<string | undefined> {
  const found = await kube.get(PODS, objectKey(namespace, pod), { signal: NEVER });
  return found && `serviceaccount:${namespace}/${found.spec?.serviceAccountName ?? "default"}`;
}

/** A policy grants Connections of its own namespace alone, so no other has a say but the guardrails. */
async function read({ kube }: Place, namespace: string): Promise<Configuration> {
  const call = { signal: NEVER };
  const lists = await Promise.all([
    kube.list(CONNECTIONS, { ...call, namespace }),
    kube.list(POLICIES, { ...call, namespace }),
    kube.list(GUARDRAILS, call),
    kube.list(IDENTITY_PROVIDERS, call),
  ]);
  const objects = lists.flatMap(({ items }) => items);
  const files = objects.map((object) =>
    documentOf(object, `${object.kind.toLowerCase()}/${object.metadata.name}`),
  );
  // Where in an object something stands is of no use to somebody who has not written it as this text.
  return { ...configurationOf(files, loadKinds(files)), placeOf: () => undefined };
}
