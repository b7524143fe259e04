/** For Connections that take no credential from us: there is a lease all the same, since that is what counts and ends sessions. */
import { refusal } from "#core/values/refusal.ts";
import type { Credential, CredentialSource } from "./source.ts";

function credentialOf(user: string): Credential {
  return {
    user,
    validUntilMs: Number.POSITIVE_INFINITY,
    prove: async () => refusal("CREDENTIAL_UNAVAILABLE", "the connection has no credential to prove"),
    extend: async () => undefined,
    end: () => undefined,
  };
}

export const noCredential: CredentialSource = {
  check: () => undefined,
  lease: async ({ upstream }) => credentialOf(upstream.spec.postgres?.user ?? ""),
  sweep: () => undefined,
  settled: async () => undefined,
  [Symbol.asyncDispose]: async () => undefined,
};
