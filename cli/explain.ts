import { nearest } from "#core/api/nearest.ts";
import { compile } from "#core/policy/compile.ts";
import { explain as explainDecision } from "#core/policy/explain.ts";
import type { Ancestor } from "#core/policy/facts.ts";
import type { KubernetesRequest } from "#core/policy/protocols/kubernetes/acts.ts";
import { readRequest } from "#core/policy/protocols/kubernetes/read-request.ts";
import { withAnalyst } from "./analyst.ts";
import { factsOf, type Question } from "./asking.ts";
import type { Configuration } from "./configuration.ts";
import type { Answer } from "./explaining/answer.ts";
import { answerDocument } from "./explaining/json.ts";
import { renderAnswer } from "./explaining/render.ts";
import { readSearchPath } from "./explaining/search-path.ts";
import { type Read, readAncestor, readConnection, readSubject } from "./explaining/subject.ts";
import { type CommandResult, command, type OptionValues } from "./frame/command.ts";
import type { Io } from "./frame/io.ts";
import { writeJson } from "./frame/json.ts";
import { painter, printable } from "./frame/paint.ts";
import { count } from "./frame/text.ts";
import { readInstant } from "./frame/time.ts";
import { readConfiguration } from "./reading.ts";
import { SERVER_VERSION_OPTION, serverVersionOf } from "./server-version.ts";

/** More than analysis takes, so that what is too long is refused in its words. */
const STATEMENT_BYTES_MAX = 1024 * 1024;

/** What is asked, wherever the kinds are. */
export const QUESTION_OPTIONS = {
  connection: { type: "string", value: "NAMESPACE/NAME", required: true, help: "which connection it uses" },
  statement: {
    type: "string",
    value: "SQL",
    help: "what it wants to run; - reads standard input; left out, the question is whether a session may open",
  },
  request: {
    type: "string",
    value: "'METHOD PATH'",
    help: "the same of a Kubernetes API, as HTTP has it: 'DELETE /api/v1/namespaces/shop/pods/web'",
  },
  ancestor: {
    type: "string",
    value: "KIND:WHO",
    multiple: true,
    help: "whose child it is, nearest parent first: agent:serviceaccount:shop/boss, person:user:alice@acme.example",
  },
  "search-path": {
    type: "string",
    value: "SCHEMAS",
    default: "public",
    help: "the session's schemas, separated by commas",
  },
  "server-version": SERVER_VERSION_OPTION,
  at: {
    type: "string",
    value: "TIME",
    help: "decide as of this time, such as 2026-12-31T18:00:00Z, not now",
  },
} as const;

export const SUBJECT_HELP =
  "serviceaccount:NAMESPACE/NAME, oidc:PROVIDER,CLAIM=VALUE or user:NAME,group=GROUP";

const options = {
  subject: { type: "string", value: "WHO", required: true, help: SUBJECT_HELP },
  ...QUESTION_OPTIONS,
  config: { type: "string", value: "DIR", default: ".", help: "directory with connections and policies" },
  output: { type: "string", choices: ["human", "json"], default: "human", help: "how to print" },
} as const;

export const explain = command({
  summary: "ask what the policies decide about one statement, and why",
  description: [
    "Prints the verdict, the rule that decided and where it stands, what the statement does, which rules came close and " +
      "what they lack, and what is demanded of whatever passes. The same functions decide here as in the gateway; only " +
      "the catalog is that of a stock PostgreSQL.",
    "Exit code 0 when it is allowed, 1 when it is refused or a person is asked, 2 when the question cannot be put. The " +
      "statement's literals are never printed.",
  ],
  positionals: [],
  options,
  examples: [
    "sallyport explain --config policies/ --subject serviceaccount:shop/reporter \\\n" +
      "  --connection shop/orders-db --statement 'select * from customers'",
  ],
  run: async ({ options: given }, io): Promise<CommandResult> => {
    const reading = readConfiguration(given.config);
    if (!reading.ok) return { cannotRun: reading.message };
    const question = await readQuestion(given, io);
    if (!question.ok) return { cannotRun: question.message };
    mentionErrors(reading.value, given.config, io);
    return answerQuestion(question.value, reading.value, given, io);
  },
});

export async function answerQuestion(
  question: Question,
  configuration: Configuration,
  given: { readonly at: string | undefined; readonly output: "human" | "json" },
  io: Io,
): Promise<CommandResult> {
  const answer = { ...(await answerTo(question, configuration)), isTimeGiven: given.at !== undefined };
  if (given.output === "json") writeJson(io, answerDocument(answer));
  else io.out.write(renderAnswer(answer, painter(io.out.colour)));
  return answer.explanation.decision.outcome === "allow" ? 0 : 1;
}

async function answerTo(
  question: Question,
  configuration: Configuration,
): Promise<Omit<Answer, "isTimeGiven">> {
  const facts = await withAnalyst((analyse) => factsOf(question, configuration.loaded, analyse));
  const explanation = explainDecision(compile(configuration.loaded), facts);
  const answer = { question, request: facts.request, explanation, configuration };
  if (explanation.decision.code !== "DENY_UNKNOWN_CONNECTION") return answer;
  const { namespace, name } = question.connection;
  const known = configuration.loaded.connections.map(
    ({ metadata }) => `${metadata.namespace ?? ""}/${metadata.name}`,
  );
  const nearestConnection = nearest(`${namespace}/${name}`, known);
  return { ...answer, ...(nearestConnection !== undefined && { nearestConnection }) };
}

export async function readQuestion(
  given: OptionValues<typeof QUESTION_OPTIONS> & { readonly subject: string },
  io: Io,
): Promise<Read<Question>> {
  const identity = readSubject(given.subject);
  if (!identity.ok) return identity;
  const ancestors = readAll(given.ancestor, readAncestor);
  if (!ancestors.ok) return ancestors;
  const connection = readConnection(given.connection);
  if (!connection.ok) return connection;
  const at = readInstant(given.at, io);
  if (!at.ok) return at;
  const statement = await readStatement(given.statement, io);
  if (!statement.ok) return statement;
  const request = readHttpRequest(given.request);
  if (!request.ok) return request;
  if (request.value !== undefined && statement.value !== undefined)
    return { ok: false, message: "give --statement or --request, not both" };
  const searchPath = readSearchPath(given["search-path"]);
  if (!searchPath.ok) return searchPath;
  return {
    ok: true,
    value: {
      caller: { identity: identity.value, ancestors: ancestors.value },
      connection: connection.value,
      nowMs: at.value,
      ...(statement.value !== undefined && { statement: statement.value }),
      ...(request.value !== undefined && { request: request.value }),
      searchPath: searchPath.value,
      serverVersion: serverVersionOf(given["server-version"]),
    },
  };
}

function readAll(
  texts: readonly string[],
  read: (text: string) => Read<Ancestor>,
): Read<readonly Ancestor[]> {
  const values: Ancestor[] = [];
  for (const text of texts) {
    const one = read(text);
    if (!one.ok) return one;
    values.push(one.value);
  }
  return { ok: true, value: values };
}

async function readStatement(given: string | undefined, io: Io): Promise<Read<string | undefined>> {
  if (given !== "-") return { ok: true, value: given };
  const input = await io.readInput(STATEMENT_BYTES_MAX);
  return input.ok ? { ok: true, value: input.text } : input;
}

function readHttpRequest(given: string | undefined): Read<KubernetesRequest | undefined> {
  if (given === undefined) return { ok: true, value: undefined };
  const [, method, target] = /^([A-Z]+) (\/\S*)$/.exec(given) ?? [];
  if (method !== undefined && target !== undefined) return { ok: true, value: readRequest(method, target) };
  return {
    ok: false,
    message: `--request is a method and a path, such as 'GET /api/v1/namespaces/shop/pods', not ${JSON.stringify(given)}`,
  };
}

/** Broken policies take part in the decision, by closing what they reach; what is wrong with them is another command's. */
function mentionErrors({ loaded }: Configuration, directory: string, io: Io): void {
  const errors = loaded.diagnostics.filter(({ severity }) => severity === "error").length;
  if (errors === 0) return;
  const paint = painter(io.err.colour);
  io.err.write(
    `${paint("yellow", "note:")} ${count(errors, "error")} in these files; see sallyport lint ${printable(directory)}\n\n`,
  );
}
