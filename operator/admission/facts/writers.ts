/**
 * May a service account write our kinds, or become somebody who may? Then a pod that runs as it could grant itself whatever it
 * wants, and is refused. Asked of the API server, which knows every authorizer, and remembered for a while: it is asked for each
 * pod that is made.
 */
import { limiter } from "#broker/limiter.ts";
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
  WORKLOAD_CONTROLLERS,
} from "../../kube/resource.ts";
import { remembering } from "./remembering.ts";

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
  /** How long an answer is taken for true: in the account's own namespace and everywhere, and in others. */
  readonly forMs?: { readonly near: number; readonly far: number };
  /** Ends what is being asked. */
  readonly signal: AbortSignal;
}

interface Question {
  readonly resource: Pick<Resource, "group" | "plural" | "namespaced">;
  readonly verb: string;
  /** Undefined: in every namespace, or of a kind that is in none. */
  readonly namespace: string | undefined;
}

/** Deleting counts: a guardrail or a refusal that is gone lets pass what it refused. */
const VERBS = ["create", "update", "patch", "delete", "deletecollection"] as const;
const IN_NAMESPACE = [POLICIES, CONNECTIONS] as const;
const ANYWHERE = [...IN_NAMESPACE, GUARDRAILS, IDENTITY_PROVIDERS, WORKLOAD_CONTROLLERS] as const;

/** Rights by which one becomes anybody; asked about everywhere, since that is how they are given. */
const BECOMING: readonly Question[] = [
  ...["users", "groups", "serviceaccounts"].map((plural) => ["impersonate", "", plural] as const),
  ...["escalate", "bind"].map((verb) => [verb, "rbac.authorization.k8s.io", "clusterroles"] as const),
].map(([verb, group, plural]) => {
  return { verb, resource: { group, plural, namespaced: false }, namespace: undefined };
});

/** In the account's own namespace, and everywhere. */
const NEAR_MS = 30_000;
/** In another namespace: there may be many of those, and rights across namespaces are rare. */
const FAR_MS = 300_000;
const NEAR_MAX = 4_096;
const FAR_MAX = 32_768;
const ASKED_AT_ONCE = 32;
const DEADLINE_MS = 3_000;

export function writerFacts(options: WriterFactsOptions): WriterFacts {
  const { kube, namespaces, clock = systemClock, signal: ended } = options;
  const { near: nearMs, far: farMs } = options.forMs ?? { near: NEAR_MS, far: FAR_MS };
  const near = remembering<Writes>({ forMs: nearMs, entriesMax: NEAR_MAX, clock });
  const far = remembering<Writes>({ forMs: farMs, entriesMax: FAR_MAX, clock });
  const line = limiter(ASKED_AT_ONCE);

  async function first(account: Account, questions: readonly Question[]): Promise<Writes> {
    const answers = await Promise.all(
      questions.map((question) => line.run(() => isAllowed(kube, account, question, ended), ended)),
    );
    const found = questions.find((_, index) => answers[index]);
    return found === undefined ? undefined : say(found);
  }

  return {
    async writesOf(account, signal) {
      const { namespace, name } = account;
      const others = new Set(namespaces());
      others.delete(namespace);
      const key = `${namespace}/${name}`;
      const here = [...questions(ANYWHERE, undefined), ...BECOMING, ...questions(IN_NAMESPACE, namespace)];
      const found = await near.ask(key, () => first(account, here), signal);
      if (found !== undefined) return found;
      const there = await Promise.all(
        [...others].map((other) =>
          far.ask(`${key} ${other}`, () => first(account, questions(IN_NAMESPACE, other)), signal),
        ),
      );
      return there.find((writes) => writes !== undefined);
    },
  };
}

function questions(resources: readonly Resource[], namespace: string | undefined): readonly Question[] {
  return VERBS.flatMap((verb) => resources.map((resource) => ({ resource, verb, namespace })));
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
  const { group, plural } = resource;
  const what = `${verb} ${plural}${group === "" ? "" : `.${group}`}`;
  if (!resource.namespaced) return what;
  return `${what} in ${namespace === undefined ? "every namespace" : `namespace ${namespace}`}`;
}
