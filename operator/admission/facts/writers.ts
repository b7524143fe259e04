/**
 * May a service account write our kinds? Then a pod that runs as it could grant itself whatever it wants, and is refused. Asked
 * of the API server, which knows every authorizer, and remembered for a short while: it is asked for each pod that is made.
 */
import type { Kube } from "../../kube/client.ts";
import { type Clock, systemClock } from "../../kube/clock.ts";
import { isRecord } from "../../kube/error.ts";
import {
  CONNECTIONS,
  GUARDRAILS,
  IDENTITY_PROVIDERS,
  POLICIES,
  type Resource,
  SUBJECT_ACCESS_REVIEWS,
} from "../../kube/resource.ts";

export interface Account {
  readonly namespace: string;
  readonly name: string;
}

/** Undefined: it may not. Otherwise the first thing found, in words: `create connections.sallyport.dev in namespace prod`. */
export type Writes = string | undefined;

export interface WriterFacts {
  /** Rejects when it cannot be found out: who asks has to refuse then. */
  writesOf(account: Account, signal: AbortSignal): Promise<Writes>;
}

type Reviews = Pick<Kube, "post">;

export interface WriterFactsOptions {
  readonly kube: Reviews;
  /** Those that hold Connections: elsewhere a policy reaches nothing. */
  readonly namespaces: () => Iterable<string>;
  readonly clock?: Clock;
  /** Ends what is being asked. */
  readonly signal: AbortSignal;
}

interface Question {
  readonly resource: Resource;
  readonly verb: string;
  /** Undefined: in every namespace, or of a kind that is in none. */
  readonly namespace: string | undefined;
}

/** Deleting counts: a guardrail or a refusal that is gone lets pass what it refused. */
const VERBS = ["create", "update", "patch", "delete", "deletecollection"] as const;
const IN_NAMESPACE = [POLICIES, CONNECTIONS] as const;
const ANYWHERE = [...IN_NAMESPACE, GUARDRAILS, IDENTITY_PROVIDERS] as const;

const REMEMBERED_MS = 30_000;
const ACCOUNTS_MAX = 4_096;
const ASKED_AT_ONCE = 16;
const DEADLINE_MS = 3_000;

interface Remembered {
  readonly answer: Promise<Writes>;
  readonly untilMs: number;
}

export function writerFacts({
  kube,
  namespaces,
  clock = systemClock,
  signal: ended,
}: WriterFactsOptions): WriterFacts {
  const remembered = new Map<string, Remembered>();

  function remember(account: Account): Promise<Writes> {
    const key = `${account.namespace}/${account.name}`;
    const nowMs = clock.monotonicMs();
    const known = remembered.get(key);
    if (known !== undefined && nowMs < known.untilMs) return known.answer;
    const entry = {
      answer: firstWrite(kube, account, questionsFor(account, namespaces()), ended),
      untilMs: nowMs + REMEMBERED_MS,
    };
    remembered.delete(key);
    remembered.set(key, entry);
    const [oldest] = remembered.keys();
    if (remembered.size > ACCOUNTS_MAX && oldest !== undefined) remembered.delete(oldest);
    // What could not be found out is asked again by whoever comes next.
    entry.answer.catch(() => {
      if (remembered.get(key) === entry) remembered.delete(key);
    });
    return entry.answer;
  }

  return {
    writesOf: (account, signal) => untilAborted(remember(account), signal),
  };
}

/** The widest rights first: most accounts that have any have those. */
function questionsFor({ namespace }: Account, others: Iterable<string>): readonly Question[] {
  const ask = (resources: readonly Resource[], where: string | undefined): readonly Question[] =>
    VERBS.flatMap((verb) => resources.map((resource) => ({ resource, verb, namespace: where })));
  return [
    ...ask(ANYWHERE, undefined),
    ...[...new Set([namespace, ...others])].flatMap((where) => ask(IN_NAMESPACE, where)),
  ];
}

async function firstWrite(
  kube: Reviews,
  account: Account,
  questions: readonly Question[],
  signal: AbortSignal,
): Promise<Writes> {
  for (let at = 0; at < questions.length; at += ASKED_AT_ONCE) {
    const some = questions.slice(at, at + ASKED_AT_ONCE);
    const answers = await Promise.all(some.map((question) => isAllowed(kube, account, question, signal)));
    const found = some.find((_, index) => answers[index]);
    if (found !== undefined) return say(found);
  }
  return undefined;
}

async function isAllowed(
  kube: Reviews,
  { namespace, name }: Account,
  { resource, verb, namespace: where }: Question,
  signal: AbortSignal,
): Promise<boolean> {
  const review = await kube.post(
    { resource: SUBJECT_ACCESS_REVIEWS },
    {
      spec: {
        user: `system:serviceaccount:${namespace}:${name}`,
        groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"],
        resourceAttributes: {
          group: resource.group,
          resource: resource.plural,
          verb,
          ...(where === undefined ? {} : { namespace: where }),
        },
      },
    },
    { signal, deadlineMs: DEADLINE_MS },
  );
  const status = isRecord(review) && isRecord(review["status"]) ? review["status"] : {};
  if (typeof status["allowed"] !== "boolean") throw new Error("an access review came back without an answer");
  return status["allowed"];
}

function say({ resource, verb, namespace }: Question): string {
  const what = `${verb} ${resource.plural}.${resource.group}`;
  if (!resource.namespaced) return what;
  return `${what} in ${namespace === undefined ? "every namespace" : `namespace ${namespace}`}`;
}

/** One who stops waiting leaves the question to the others who wait for it. */
async function untilAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([answer, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
