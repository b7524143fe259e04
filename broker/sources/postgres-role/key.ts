/** One minted role with the key to it, held by all sessions of one subject on one Connection. */
import { randomBytes } from "node:crypto";
import type { Challenge, Proof } from "#core/port/port.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import { SecretBytes } from "#core/values/secret.ts";
import {
  SCRAM_ITERATIONS,
  parseServerFirst,
  scramProofOfSalted,
  scramVerifierOfSalted,
} from "#core/wire/postgres/scram.ts";
import { badChallenge } from "../static.ts";

const SALT_BYTES = 16;
const KEY_BYTES = 32;

/** There is no password: the key that one would be salted to is drawn at random, and only it exists. */
export interface RoleKey extends Disposable {
  readonly verifier: string;
  prove(challenge: Challenge): Proof | Refusal;
}

export function drawKey(): RoleKey {
  const salt = randomBytes(SALT_BYTES);
  const salted = new SecretBytes(randomBytes(KEY_BYTES));
  return {
    verifier: scramVerifierOfSalted(salted.reveal(), salt, SCRAM_ITERATIONS),
    prove(challenge) {
      if (salted.isWiped) return refusal("LEASE_ENDED");
      if (challenge.kind !== "scram-sha-256") return badChallenge();
      const asked = parseServerFirst(challenge.serverFirst, challenge.clientFirstBare);
      if (asked === undefined) return badChallenge();
      if (asked.iterations !== SCRAM_ITERATIONS || !asked.salt.equals(salt)) {
        // A server makes up a salt for a role that has no password, has expired or is gone.
        return refusal(
          "CREDENTIAL_REFUSED",
          "the upstream does not know the minted role by its key any more",
        );
      }
      const proof = scramProofOfSalted(challenge, salted.reveal());
      return proof === undefined ? badChallenge() : { kind: "scram-sha-256", ...proof };
    },
    [Symbol.dispose]: () => salted.wipe(),
  };
}
