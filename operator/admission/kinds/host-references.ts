/**
 * What in a kind names a file or variable of the broker's own host. On a host of one's own that is how credentials are
 * kept; in a cluster the author of a Connection is not the owner of the broker, and could have it send its own token,
 * key or environment to an address of theirs.
 */
import type { Connection, IdentityProvider } from "#core/api/kinds.gen.ts";

export interface HostReference {
  readonly field: string;
  readonly message: string;
}

const SECRET =
  "in a cluster the broker reads Secrets of the Connection's namespace and nothing of its own host";

export function hostReferences(object: Connection | IdentityProvider): readonly HostReference[] {
  return object.kind === "Connection" ? ofConnection(object) : ofAuthority("spec.ca", object.spec.ca);
}

function ofConnection({ spec }: Connection): readonly HostReference[] {
  const { source } = spec.credential;
  return [
    ...ofPlace("spec.credential.source", source),
    ...ofPlace("spec.credential.source.postgresRole.minter", source?.postgresRole?.minter),
    ...ofAuthority("spec.tls.ca", spec.tls?.ca),
  ];
}

interface Place {
  readonly file?: unknown;
  readonly env?: unknown;
}

function ofPlace(field: string, place: Place | undefined): readonly HostReference[] {
  return (["file", "env"] as const)
    .filter((name) => place?.[name] !== undefined)
    .map((name) => ({ field: `${field}.${name}`, message: `${SECRET}: give secret instead of ${name}` }));
}

function ofAuthority(field: string, ca: Place | undefined): readonly HostReference[] {
  if (ca?.file === undefined) return [];
  return [{ field: `${field}.file`, message: `${SECRET}: give configMap or secret instead of file` }];
}
