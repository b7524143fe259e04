/** Answers a SCRAM challenge from a secret that stays here. The costly part runs beside the event loop. */
import { pbkdf2 } from "node:crypto";
import { promisify } from "node:util";
import { SecretBytes } from "#core/values/secret.ts";
import { preparedPassword } from "#core/wire/postgres/saslprep.ts";
import {
  type ScramChallenge,
  type ScramProof,
  parseServerFirst,
  scramProofOfSalted,
} from "#core/wire/postgres/scram.ts";
import { COSTLY_ITERATIONS, costlyLines } from "./costly.ts";
import type { SaltedPasswords } from "./salted-passwords.ts";

/**
 * RFC 7677 asks for at least this many. An upstream, or what poses as one, that asks for fewer wants a proof that is
 * cheap to guess the password from.
 */
export const SCRAM_ITERATIONS_LEAST = 4096;

const derive = promisify(pbkdf2);

const inLine = costlyLines();

export interface Proving {
  /** Whose challenge it is, for the order in which those that cost much are answered. */
  readonly upstream: string;
  /** Fires when nobody waits for the proof any more. */
  readonly signal: AbortSignal;
  /** Absent: it is derived for this proof, and wiped after it. */
  readonly salted?: SaltedPasswords | undefined;
}

async function saltPassword(
  password: SecretBytes,
  salt: Uint8Array,
  iterations: number,
): Promise<SecretBytes> {
  const bytes = password.reveal();
  const prepared = preparedPassword(bytes);
  try {
    return new SecretBytes(await derive(prepared, salt, iterations, 32, "sha256"));
  } finally {
    if (prepared !== bytes) prepared.fill(0);
  }
}

/** Undefined when the challenge is not one that may be answered. */
export async function proveWithPassword(
  challenge: ScramChallenge,
  password: SecretBytes,
  { upstream, signal, salted: kept }: Proving,
): Promise<ScramProof | undefined> {
  const asked = parseServerFirst(challenge.serverFirst, challenge.clientFirstBare);
  if (asked === undefined || asked.iterations < SCRAM_ITERATIONS_LEAST) return undefined;
  const { salt, iterations } = asked;
  const derived = (): Promise<SecretBytes> => saltedInTurn(password, salt, iterations, { upstream, signal });
  if (kept !== undefined)
    return kept.use({ password, salt, iterations }, derived, (salted) =>
      scramProofOfSalted(challenge, salted),
    );
  using salted = await derived();
  return scramProofOfSalted(challenge, salted.reveal());
}

// oxlint-disable-next-line max-params -- three are what is salted, and with whom it stands in line
async function saltedInTurn(
  password: SecretBytes,
  salt: Uint8Array,
  iterations: number,
  { upstream, signal }: Proving,
): Promise<SecretBytes> {
  if (iterations < COSTLY_ITERATIONS) return saltPassword(password, salt, iterations);
  return inLine(upstream, () => saltPassword(password, salt, iterations), signal);
}
