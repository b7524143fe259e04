/** Places that hold a password as it is: of a Connection's own role, or of the role that makes others. */
import type { Connection } from "#core/api/kinds.gen.ts";
import type { SecretBytes } from "#core/values/secret.ts";
import type { Environment } from "../environment.ts";
import { causeOf } from "../note.ts";
import type { Secrets } from "../pods/pods.ts";
import { readPrivateFile } from "./private-file.ts";
import { NoCredential, type Upstream } from "./source.ts";

type Minter = NonNullable<NonNullable<Connection["spec"]["credential"]["source"]>["postgresRole"]>["minter"];
export type PasswordPlace = Exclude<keyof Minter, "user">;
export type PasswordReference = Pick<Minter, PasswordPlace>;

export interface PasswordWanted {
  readonly reference: PasswordReference;
  /** The path of `reference` within the Connection. */
  readonly field: string;
  readonly upstream: Upstream;
  readonly signal: AbortSignal;
}

export interface Passwords {
  /** Why nothing is ever read there, in words that anybody may see. */
  closed(place: PasswordPlace, field: string): string | undefined;
  /** Throws `NoCredential`. */
  read(wanted: PasswordWanted): Promise<SecretBytes>;
}

export interface PasswordDeps {
  readonly environment: Environment;
  /** In a cluster: then nothing of the broker's own host is read, since the author of a Connection is not its owner. */
  readonly secrets?: Secrets | undefined;
}

/** Nothing is kept between two reads, so a password that was changed is the new one from the next session on. */
export function passwordsOf({ environment, secrets }: PasswordDeps): Passwords {
  const places: Places = secrets === undefined ? placesOfHost(environment) : placesOfCluster(secrets);
  const closed = (place: PasswordPlace, field: string): string | undefined =>
    typeof places[place] === "function" ? undefined : `${field}.${place}, ${places[place]}`;
  return {
    closed,
    async read({ reference, field, upstream, signal }) {
      for (const place of PLACES) {
        if (reference[place] === undefined) continue;
        const read = places[place];
        if (typeof read === "string") throw new NoCredential(`${field}.${place}`, read);
        return read(reference, `${field}.${place}`, { upstream, signal });
      }
      throw new NoCredential(field, `${field} names no place`);
    },
  };
}

const PLACES = ["file", "env", "secret"] as const satisfies readonly PasswordPlace[];

type Read = (
  reference: PasswordReference,
  field: string,
  of: Pick<PasswordWanted, "upstream" | "signal">,
) => Promise<SecretBytes>;
/** How a place is read, or why none is. */
type Places = Readonly<Record<PasswordPlace, Read | string>>;

function placesOfHost(environment: Environment): Places {
  return {
    file: async ({ file }, field) => {
      const path = file?.path ?? "";
      try {
        return await readPrivateFile(path);
      } catch (cause) {
        throw new NoCredential(field, `the file ${path} cannot be used: ${causeOf(cause)}`, { cause });
      }
    },
    env: async ({ env }, field) => {
      const name = env?.name ?? "";
      const secret = environment.take(name);
      if (secret === undefined) throw new NoCredential(field, `the variable ${name} is not set, or empty`);
      return secret;
    },
    secret: "a Kubernetes Secret, which the standalone gateway cannot read: use file or env",
  };
}

function placesOfCluster(secrets: Secrets): Places {
  const why = "of the broker's own host, of which nothing is read in a cluster: use secret";
  return {
    file: `a file ${why}`,
    env: `a variable ${why}`,
    secret: async ({ secret }, field, { upstream: { ref, spec }, signal }) => {
      const { name = "", key = "" } = secret ?? {};
      const found = await secrets.secret({ connection: { metadata: ref, spec }, name, key }, signal);
      if ("why" in found) throw new NoCredential(field, found.why);
      return found;
    },
  };
}
