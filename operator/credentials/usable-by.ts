/**
 * A Secret says itself which Connections may use it, and for which host: `sallyport.dev/usable-by: orders@db.example.com`.
 * Whoever may write Connections but not the Secret cannot send it anywhere else. Asked at every exchange, with the Secret
 * and the Connection as they are then. Pure.
 */
import type { Connection } from "#core/api/kinds.gen.ts";
import { ANNOTATIONS } from "#operator/names.ts";

export interface SecretFacts {
  readonly namespace: string;
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

declare const usable: unique symbol;

/** What permits a Secret's use; made by `useOf` alone. */
export interface SecretUse {
  readonly [usable]: true;
  readonly secret: { readonly namespace: string; readonly name: string };
  readonly connection: string;
  readonly host: string;
}

export type Use =
  | { readonly ok: true; readonly use: SecretUse }
  /** For people who keep the cluster: it names the Secret and the fix, and nothing of what the Secret holds. */
  | { readonly ok: false; readonly why: string };

/** More than this is no list that somebody keeps. */
const ENTRIES_MAX = 64;
const ANNOTATION_CHARACTERS_MAX = 16_384;

export function useOf(secret: SecretFacts, connection: Pick<Connection, "metadata" | "spec">): Use {
  const { namespace, name } = connection.metadata;
  const { host } = connection.spec.address;
  const place = `Secret ${secret.namespace}/${secret.name}`;
  if (secret.namespace !== namespace)
    return no(`${place} is not in the namespace of the Connection ${namespace}/${name}`);
  const text = secret.annotations?.[ANNOTATIONS.usableBy];
  const wanted = entryOf(name, host);
  const fix = `annotate it with ${ANNOTATIONS.usableBy}: ${wanted}`;
  if (text === undefined) return no(`${place} does not say which Connections may use it; ${fix}`);
  const entries = text.length > ANNOTATION_CHARACTERS_MAX ? [] : text.split(",", ENTRIES_MAX + 1);
  if (entries.length === 0 || entries.length > ENTRIES_MAX)
    return no(`${place} lists more than ${ENTRIES_MAX} Connections in ${ANNOTATIONS.usableBy}`);
  if (!entries.some((entry) => normal(entry) === wanted))
    return no(`${place} may not be used by the Connection ${name} for ${host}; ${fix}`);
  const use = { secret: { namespace: secret.namespace, name: secret.name }, connection: name, host };
  return { ok: true, use: use as typeof use & { readonly [usable]: true } };
}

/** How the annotation names a Connection: no wildcard, so that nobody uses more than was thought of. */
function entryOf(connection: string, host: string): string {
  return normal(`${connection}@${host}`);
}

/** Host names are the same in either case; names of Connections have lower case only. */
function normal(entry: string): string {
  return entry.trim().toLowerCase();
}

function no(why: string): Use {
  return { ok: false, why };
}
