/** Sources whose password stays as it is, or is renewed by somebody else: read for each lease and each later proof, wiped after. */
import type { Challenge, Proof } from "#core/port/port.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import type { SecretBytes } from "#core/values/secret.ts";
import { deadline } from "#runtime/deadline.ts";
import { type Note, causeOf } from "../note.ts";
import { type PasswordDeps, type PasswordPlace, passwordsOf } from "./password.ts";
import { answerWithPassword } from "./answering.ts";
import { lineOf } from "./costly.ts";
import { saltedPasswords } from "./salted-passwords.ts";
import { type OneUse, forOneUse } from "./one-use.ts";
import { type Credential, type CredentialSource, NoCredential, type Upstream } from "./source.ts";

export interface StaticDeps extends PasswordDeps {
  readonly note: Note;
}

const FIELD = "spec.credential.source";

/** A session that has ended wants no answer; one that goes on waits no longer than that. */
const READ_MS_MAX = 5_000;
/** A session signs in right behind its lease, or much later. */
const FIRST_PROOF_MS = 5_000;

export function staticSource(place: PasswordPlace, { note, ...deps }: StaticDeps): CredentialSource {
  const passwords = passwordsOf(deps);
  const salted = saltedPasswords();
  const read = (upstream: Upstream, signal: AbortSignal) => {
    const { [place]: reference } = upstream.spec.credential.source ?? {};
    return passwords.read({ reference: { [place]: reference }, field: FIELD, upstream, signal });
  };

  // oxlint-disable-next-line max-params -- a challenge, and what of its lease is at hand
  async function prove(
    upstream: Upstream,
    challenge: Challenge,
    signal: AbortSignal,
    atHand: SecretBytes | undefined,
  ): Promise<Proof | Refusal> {
    try {
      using patience = deadline(signal, READ_MS_MAX);
      using password = atHand ?? (await read(upstream, patience.signal));
      return (
        (await answerWithPassword(challenge, password, {
          field: FIELD,
          user: upstream.spec.postgres?.user,
          upstream: lineOf(upstream),
          signal,
          salted,
        })) ?? badChallenge()
      );
    } catch (error) {
      return refusalFor(error, upstream, note);
    }
  }

  return {
    check({ spec }) {
      const closed = passwords.closed(place, FIELD);
      if (closed !== undefined)
        return refusal("CREDENTIAL_UNAVAILABLE", `the connection's credential is in ${closed}`);
      if (spec.protocol === "postgres" && spec.postgres?.user === undefined) {
        return refusal(
          "CREDENTIAL_UNAVAILABLE",
          "the connection does not say which role to sign in as (spec.postgres.user)",
        );
      }
      return undefined;
    },
    async lease({ upstream }, signal) {
      const wrong = this.check(upstream);
      if (wrong !== undefined) return wrong;
      // Read now so that a session is refused before its upstream is dialled; the proof that follows needs it again.
      try {
        const password = forOneUse(await read(upstream, signal), FIRST_PROOF_MS);
        return credentialOf(upstream, password, prove);
      } catch (error) {
        return refusalFor(error, upstream, note);
      }
    },
    sweep: () => undefined,
    settled: async () => undefined,
    [Symbol.asyncDispose]: async () => salted[Symbol.dispose](),
  };
}

type Prove = (
  upstream: Upstream,
  challenge: Challenge,
  signal: AbortSignal,
  atHand: SecretBytes | undefined,
) => Promise<Proof | Refusal>;

function credentialOf(upstream: Upstream, password: OneUse, prove: Prove): Credential {
  let hasEnded = false;
  return {
    user: upstream.spec.postgres?.user ?? "",
    validUntilMs: Number.POSITIVE_INFINITY,
    prove: async (challenge, signal) =>
      hasEnded ? refusal("LEASE_ENDED") : prove(upstream, challenge, signal, password.take()),
    extend: async () => (hasEnded ? refusal("LEASE_ENDED") : undefined),
    end() {
      hasEnded = true;
      password.take()?.wipe();
    },
  };
}

/** An upstream that asks so may be after the password; its operator has to look. */
export function badChallenge(): Refusal {
  return refusal("UPSTREAM_PROTOCOL", "the upstream asked for the credential in a way that is not answered");
}

/** Agents learn which field to have looked after; the log says what is wrong there. */
export function refusalFor(error: unknown, { ref }: Upstream, note: Note): Refusal {
  if (!(error instanceof NoCredential)) throw error;
  note("lease.failed", {
    connection: `${ref.namespace}/${ref.name}`,
    field: error.field,
    cause: causeOf(error),
  });
  return unavailable(error.field);
}

function unavailable(field: string): Refusal {
  return refusal(
    "CREDENTIAL_UNAVAILABLE",
    `the credential of this connection cannot be had now (${field}); the gateway's log says why`,
  );
}
