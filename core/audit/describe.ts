/** What a request leaves in the trail's leaves: classes, relations and doubts by name, never its text. */
import type { ProtocolName } from "../policy/protocols/family.ts";
import type { Request } from "../policy/facts.ts";
import type { Act, KubernetesRequest } from "../policy/protocols/kubernetes/acts.ts";
import { say } from "../policy/protocols/kubernetes/words.ts";
import type { Access, PostgresRequest, StatementFacts } from "../statements/postgres/facts.ts";

export interface RequestDescription {
  readonly classes: readonly string[];
  /** `verb schema.relation`, or the verb alone. */
  readonly accesses: readonly string[];
  readonly doubts: readonly string[];
  /**
   * Whether it changes nothing, as far as analysis is sure: such a request may be acknowledged within the window, all others have
   * to be durable before they leave.
   */
  readonly readsOnly: boolean;
}

const DESCRIBERS = {
  kubernetes: describeKubernetes,
  postgres: describePostgres,
  tcp: describeTcp,
} satisfies Record<ProtocolName, (request: never) => RequestDescription>;

export function describeRequest(request: Request): RequestDescription {
  const describe: (request: never) => RequestDescription = DESCRIBERS[request.protocol];
  return describe(request as never);
}

/** What is in the bytes nobody knows: they may change anything. */
function describeTcp(): RequestDescription {
  return { classes: ["connect"], accesses: [], doubts: [], readsOnly: false };
}

const READING: ReadonlySet<string> = new Set(["get", "list", "watch"]);

function describeKubernetes({ acts }: KubernetesRequest): RequestDescription {
  return {
    classes: distinct(acts.map((act) => ("verb" in act ? act.verb : act.kind))),
    accesses: acts.filter(({ kind }) => kind !== "doubt").map(say),
    doubts: acts.filter(({ kind }) => kind === "doubt").map(say),
    readsOnly: acts.every((act: Act) => "verb" in act && READING.has(act.verb)),
  };
}

const HARMLESS_VERBS: ReadonlySet<Access["verb"]> = new Set(["read", "copyOut", "transaction", "session"]);

function describePostgres({ statements }: PostgresRequest): RequestDescription {
  return {
    classes: distinct(statements.map((statement) => statement.class)),
    accesses: distinct(statements.flatMap(({ accesses }) => accesses.map(sayAccess))),
    doubts: distinct(statements.flatMap(({ doubts }) => doubts.map(({ code }) => code))),
    readsOnly: statements.every(readsOnly),
  };
}

function readsOnly({ accesses, calls, doubts }: StatementFacts): boolean {
  return doubts.length === 0 && calls.length === 0 && accesses.every(({ verb }) => HARMLESS_VERBS.has(verb));
}

function sayAccess({ verb, relation }: Access): string {
  return relation === undefined ? verb : `${verb} ${relation.schema}.${relation.name}`;
}

function distinct(words: readonly string[]): readonly string[] {
  return words.length < 2 ? words : [...new Set(words)];
}
