/** Every source of credentials by its name in a Connection. A new one is a file or folder and a row. */
import type { Connection } from "#core/api/kinds.gen.ts";
import { kubernetesTokenSource, type KubernetesTokenDeps } from "./kubernetes-token.ts";
import { noCredential } from "./none.ts";
import { postgresRoleSource } from "./postgres-role/index.ts";
import type { PostgresRoleDeps } from "./postgres-role/index.ts";
import type { CredentialSource, SourceName } from "./source.ts";
import { staticSource } from "./static.ts";

export type SourceDeps = PostgresRoleDeps & KubernetesTokenDeps;
export type Sources = Readonly<Record<SourceName, CredentialSource>>;

const sources = {
  file: (deps) => staticSource("file", deps),
  env: (deps) => staticSource("env", deps),
  secret: (deps) => staticSource("secret", deps),
  postgresRole: postgresRoleSource,
  kubernetesToken: kubernetesTokenSource,
} satisfies Record<SourceName, (deps: SourceDeps) => CredentialSource>;

export function openSources(deps: SourceDeps): Sources {
  return {
    file: sources.file(deps),
    env: sources.env(deps),
    secret: sources.secret(deps),
    postgresRole: sources.postgresRole(deps),
    kubernetesToken: sources.kubernetesToken(deps),
  };
}

/** The one source that a Connection names; undefined when it names none or several, which its schema forbids. */
export function sourceNameOf({ credential }: Connection["spec"]): SourceName | undefined {
  const named = Object.entries(credential.source ?? {}).filter(([, reference]) => reference !== undefined);
  const [name] = named[0] ?? [];
  return named.length === 1 && isSourceName(name) ? name : undefined;
}

/** Where the Connection's credential comes from; undefined when it does not say so. */
export function sourceOf(sources: Sources, spec: Connection["spec"]): CredentialSource | undefined {
  if (spec.credential.mode === "none") return noCredential;
  const name = sourceNameOf(spec);
  return name === undefined ? undefined : sources[name];
}

function isSourceName(name: string | undefined): name is SourceName {
  return name !== undefined && Object.hasOwn(sources, name);
}
