/** Whether what a WorkloadController says can be gone by: asked of the API server, which knows every authorizer. */
import { judgeKind } from "../admission/kinds/judge.ts";
import type { Kube } from "../kube/client.ts";
import { isRecord } from "../kube/error.ts";
import { type OwnKind, SUBJECT_ACCESS_REVIEWS } from "../kube/resource.ts";

export interface Registration {
  /** Its account is in a namespace of agents. */
  readonly isAgent: boolean;
  /** What one of our programs would have to look up, and may not. */
  readonly unreadable: readonly Unreadable[];
}

export interface Unreadable {
  readonly account: string;
  /** `sandboxes.agents.x-k8s.io`. */
  readonly resource: string;
}

export interface RegistrationOptions {
  readonly kube: Pick<Kube, "post">;
  readonly systemNamespace: string;
  readonly isEnforced: (namespace: string) => boolean;
}

interface Kind {
  readonly group: string;
  readonly resource: string;
}

const ACCOUNTS = ["sallyport-operator", "sallyport-broker"] as const;

/** Undefined for what is no WorkloadController, or a broken one. */
export async function registrationOf(
  { kube, systemNamespace, isEnforced }: RegistrationOptions,
  object: OwnKind,
  signal: AbortSignal,
): Promise<Registration | undefined> {
  const judgement = judgeKind(object, object.metadata.uid ?? "");
  const controller = judgement.kind === "workloadController" ? judgement.controller : undefined;
  if (controller === undefined) return undefined;
  const { serviceAccount, owns = [] } = controller.spec;
  const asked = owns.flatMap((kind) => ACCOUNTS.map((account) => ({ kind, account })));
  const answers = await Promise.all(
    asked.map(({ kind, account }) =>
      mayGet(kube, `system:serviceaccount:${systemNamespace}:${account}`, kind, signal),
    ),
  );
  return {
    isAgent: isEnforced(serviceAccount.namespace),
    unreadable: asked.flatMap(({ kind, account }, index) =>
      answers[index] === true ? [] : [{ account, resource: resourceName(kind) }],
    ),
  };
}

export function accountNamespaceIn({ spec }: OwnKind): string | undefined {
  const account = isRecord(spec) ? spec["serviceAccount"] : undefined;
  const namespace = isRecord(account) ? account["namespace"] : undefined;
  return typeof namespace === "string" ? namespace : undefined;
}

function resourceName({ group, resource }: Kind): string {
  return group === "" ? resource : `${resource}.${group}`;
}

async function mayGet(
  kube: Pick<Kube, "post">,
  user: string,
  { group, resource }: Kind,
  signal: AbortSignal,
): Promise<boolean> {
  const review = await kube.post(
    { resource: SUBJECT_ACCESS_REVIEWS },
    {
      spec: {
        user,
        groups: ["system:serviceaccounts", "system:authenticated"],
        resourceAttributes: { group, resource, verb: "get" },
      },
    },
    { signal },
  );
  return isRecord(review) && isRecord(review["status"]) && review["status"]["allowed"] === true;
}
