/** Places that hold a password as it is: of a Connection's own role, or of the role that makes others. */
import type { Connection } from "#core/api/kinds.gen.ts";
import type { SecretBytes } from "#core/values/secret.ts";
import type { Environment } from "../environment.ts";
import { causeOf } from "../note.ts";
import { readPrivateFile } from "./private-file.ts";
import { NoCredential } from "./source.ts";

type Minter = NonNullable<NonNullable<Connection["spec"]["credential"]["source"]>["postgresRole"]>["minter"];
export type PasswordPlace = Exclude<keyof Minter, "user">;
export type PasswordReference = Pick<Minter, PasswordPlace>;

type Read<Place extends PasswordPlace> = (
  reference: NonNullable<PasswordReference[Place]>,
  field: string,
  environment: Environment,
) => Promise<SecretBytes>;

/** Nothing is kept between two reads, so a password that was changed is the new one from the next session on. */
const places = {
  file: async ({ path }, field) => {
    try {
      return await readPrivateFile(path);
    } catch (cause) {
      throw new NoCredential(field, `the file ${path} cannot be used: ${causeOf(cause)}`, { cause });
    }
  },
  env: async ({ name }, field, environment) => {
    const secret = environment.take(name);
    if (secret === undefined) throw new NoCredential(field, `the variable ${name} is not set, or empty`);
    return secret;
  },
  secret: async ({ name, key }, field) => {
    throw new NoCredential(
      field,
      `the key ${key} of the Secret ${name} is in a cluster, and the standalone gateway reads none: use file or env`,
    );
  },
} satisfies { readonly [Place in PasswordPlace]: Read<Place> };

/** `field` is the path of `reference` within the Connection. Throws `NoCredential`. */
export function readPassword(
  reference: PasswordReference,
  field: string,
  environment: Environment,
): Promise<SecretBytes> {
  const { file, env, secret } = reference;
  if (file !== undefined) return places.file(file, `${field}.file`);
  if (env !== undefined) return places.env(env, `${field}.env`, environment);
  if (secret !== undefined) return places.secret(secret, `${field}.secret`);
  throw new NoCredential(field, `${field} names no place`);
}
