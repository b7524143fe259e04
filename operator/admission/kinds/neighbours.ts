/** What an object of our kinds may name, from what is known of the cluster. */
import type { NamedConnection, Neighbours } from "#core/api/cross-check.ts";
import { PROTOCOLS } from "#core/api/kinds.gen.ts";
import { isRecord } from "../../kube/error.ts";
import type { OwnKind } from "../../kube/resource.ts";
import type { StoreView } from "../../kube/store.ts";

export interface NamedKinds {
  readonly Connection: StoreView<OwnKind>;
  readonly IdentityProvider: StoreView<OwnKind>;
}

/** Undefined while not everything is known: better no word than a wrong one. `namespace`: of a policy; a guardrail may name any. */
export function neighboursOf(kinds: NamedKinds, namespace: string | undefined): Neighbours | undefined {
  if (!kinds.Connection.hasSynced || !kinds.IdentityProvider.hasSynced) return undefined;
  const near = kinds.Connection.list().filter(({ metadata }) => {
    return namespace === undefined || metadata.namespace === namespace;
  });
  return {
    connections: near.flatMap(namedConnection),
    identityProviders: kinds.IdentityProvider.list().map(({ metadata }) => metadata.name),
  };
}

function namedConnection({ metadata: { name, namespace }, spec }: OwnKind): NamedConnection[] {
  const written = isRecord(spec) ? spec["protocol"] : undefined;
  const protocol = PROTOCOLS.find((known) => known === written);
  if (protocol === undefined || namespace === undefined) return [];
  return [{ metadata: { name, namespace }, spec: { protocol } }];
}
