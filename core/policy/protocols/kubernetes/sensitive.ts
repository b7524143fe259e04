/** What no star permits, and what no rule does. Deny and ask rules meet all of it as they meet anything else. */
import type { Act, ResourceAct } from "./acts.ts";
import type { ResourcePattern } from "./patterns.ts";

/**
 * An allow rule has to write it out: whoever reads Secrets has credentials that the gateway never sees, and whoever has a shell in a
 * pod, or a connection to it, has what that pod has.
 */
export const NAMED_ONLY = ["secrets", "pods/exec", "pods/attach", "pods/portforward"] as const;

const NAMED: ReadonlySet<string> = new Set(NAMED_ONLY);

export function hasToBeNamed({ group, resource, subresource }: ResourceAct): boolean {
  return group === "" && NAMED.has(subresource === undefined ? resource : `${resource}/${subresource}`);
}

export function isWrittenOut(pattern: ResourcePattern): boolean {
  const { group, resource, subresource } = pattern;
  return group === "" && NAMED.has(subresource === undefined ? resource : `${resource}/${subresource}`);
}

const TOKEN = "it makes credentials that would be used past the gateway";
const PROXY = "what is asked through it cannot be seen";
const IMPERSONATION =
  "who asks is found out by the gateway, and by nothing that a request says; ask without it (kubectl: leave out --as)";

/** Why no rule opens it; undefined when one may. */
export function whyClosed(act: Act): string | undefined {
  if (act.kind === "impersonation") return IMPERSONATION;
  return act.kind === "resource" ? whyResourceClosed(act) : undefined;
}

export function whyResourceClosed({
  resource,
  subresource,
}: {
  readonly resource: string;
  readonly subresource?: string | undefined;
}): string | undefined {
  if (subresource === "proxy") return PROXY;
  return resource === "serviceaccounts" && subresource === "token" ? TOKEN : undefined;
}
