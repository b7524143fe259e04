import { type OriginDeps, NoToken, type TokenOrigin } from "./origin.ts";

/** A variable that holds the token itself, as GitLab's `id_tokens` does: one token for the job's whole life. */
export function variableOrigin(
  { name }: { readonly name: string },
  { environment }: OriginDeps,
): TokenOrigin {
  return {
    isWorthKeeping: false,
    async fetch() {
      const token = environment.take(name);
      if (token === undefined) throw new NoToken(`the variable ${name} holds no token`);
      return token;
    },
  };
}
