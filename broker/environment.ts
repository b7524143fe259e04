/**
 * Variables of the broker's environment that hold secrets. Each is taken once: read, removed from the environment so
 * that no child process inherits it, and kept as bytes. (The kernel still shows the first environment of a process to
 * its own user in /proc; files are the better place, and docs/limits says so.)
 */
import { SecretBytes } from "#core/values/secret.ts";

export interface Environment {
  /** A copy for the caller to wipe; undefined when there is no such variable or it is empty. */
  take(name: string): SecretBytes | undefined;
}

export function takingEnvironment(variables: Record<string, string | undefined>): Environment {
  const taken = new Map<string, SecretBytes>();
  return {
    take(name) {
      const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
      if (value !== undefined) {
        delete variables[name];
        taken.get(name)?.wipe();
        taken.set(name, new SecretBytes(Buffer.from(value)));
      }
      const secret = taken.get(name);
      if (secret === undefined || secret.reveal().length === 0) return undefined;
      return new SecretBytes(Uint8Array.from(secret.reveal()));
    },
  };
}
