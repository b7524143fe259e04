/** Tells who a token speaks of, if one of the configured providers vouches for it. */
import { type JWTPayload, type JWTVerifyOptions, errors, jwtVerify } from "jose";
import type { Ancestor, CallingPod, Identity } from "#core/policy/facts.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import { missingClaim, readClaims } from "./claims.ts";
import { printable } from "./json.ts";
import { type IssuerKeys, type KeyStoreDeps, type KeysFinding, issuerKeys } from "./keys.ts";
import { type UnverifiedToken, invalid, readToken } from "./token.ts";

export const ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA"] as const;

/** What lives longer is a static credential by another name. */
export const TOKEN_LIFETIME_MS_MAX = 24 * 60 * 60_000;

const CLOCK_SKEW_SECONDS_DEFAULT = 30;

/** An IdentityProvider with its certificates read. */
export interface Provider {
  readonly name: string;
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly algorithms?: readonly string[];
  readonly clockSkewSeconds?: number;
  readonly requiredClaims?: Readonly<Record<string, string>>;
  readonly caPem?: string;
  /** Why it vouches for nobody now; its tokens are refused with these words. */
  readonly unusable?: string;
}

export interface Verified {
  readonly identity: Identity;
  /** Who has limits, leases and roles to itself. Absent: whoever has the identity. */
  readonly subject?: string;
  readonly pod?: CallingPod;
  /** Who is above it; absent where nobody can be. */
  readonly ancestors?: readonly Ancestor[];
  /** Of the token, without skew. */
  readonly expiresMs: number;
}

export interface IdentityVerifier {
  /** `accepted`: names of the providers whose word counts where the token was presented; absent: every one's. */
  verify(token: Uint8Array, accepted?: ReadonlySet<string>): Promise<Verified | Refusal>;
  /** Takes effect with the next token. Keys already fetched stay where issuer and certificates stay. */
  update(providers: readonly Provider[]): void;
  /** Asks issuers for their keys where that is due, before anybody needs them. */
  look(): void;
  /** Whether the keys of each provider can be had, by its name; absent when nobody has asked yet. */
  keys(): ReadonlyMap<string, KeysFinding>;
}

interface Known {
  readonly provider: Provider;
  readonly keys: IssuerKeys;
}

export function createVerifier(deps: KeyStoreDeps): IdentityVerifier {
  let known: readonly Known[] = [];
  return {
    update(providers) {
      const before = known;
      known = providers.map((provider) => ({
        provider,
        keys:
          before.find((other) => hasSameKeys(other.provider, provider))?.keys ??
          issuerKeys(provider.name, provider, deps),
      }));
    },
    look() {
      for (const { provider, keys } of known) if (provider.unusable === undefined) keys.look();
    },
    keys: () =>
      new Map(
        known.flatMap(({ provider: { name, unusable }, keys }) => {
          const finding = unusable === undefined ? keys.finding() : "unavailable";
          return finding === undefined ? [] : [[name, finding] as const];
        }),
      ),
    async verify(token, accepted) {
      const head = readToken(token);
      if (isRefusal(head)) return head;
      const candidates = known.filter(
        ({ provider: { issuer, name } }) => issuer === head.issuer && (accepted?.has(name) ?? true),
      );
      if (candidates.length === 0)
        return invalid(`the token's issuer ${printable(head.issuer)} is not known here`);
      const answers: (Verified | Refusal)[] = [];
      for (const candidate of candidates) answers.push(await verifyBy(candidate, token, head, deps.now()));
      return theOnly(answers, candidates);
    },
  };
}

function hasSameKeys(one: Provider, other: Provider): boolean {
  return one.name === other.name && one.issuer === other.issuer && one.caPem === other.caPem;
}

/** Two providers may share an issuer, told apart by audience or required claims; one token must not be two people. */
function theOnly(answers: readonly (Verified | Refusal)[], candidates: readonly Known[]): Verified | Refusal {
  const verified = answers.filter((answer) => !isRefusal(answer));
  if (verified.length <= 1) return verified[0] ?? answers[0] ?? refusal("IDENTITY_INVALID");
  const names = candidates.map(({ provider }) => provider.name).join(", ");
  return invalid(`the token fits several identity providers (${names}); it must fit one`);
}

async function verifyBy(
  { provider, keys }: Known,
  token: Uint8Array,
  { algorithm }: UnverifiedToken,
  nowMs: number,
): Promise<Verified | Refusal> {
  if (provider.unusable !== undefined) return invalid(provider.unusable);
  const algorithms = [...(provider.algorithms ?? ALGORITHMS)].filter((name) => isAsymmetric(name));
  if (!algorithms.includes(algorithm)) {
    return invalid(`the token is signed with ${printable(algorithm)}; ${algorithms.join(", ")} are believed`);
  }
  const skewSeconds = provider.clockSkewSeconds ?? CLOCK_SKEW_SECONDS_DEFAULT;
  const options: JWTVerifyOptions = {
    algorithms,
    issuer: provider.issuer,
    audience: [...provider.audiences],
    clockTolerance: skewSeconds,
    currentDate: new Date(nowMs),
    requiredClaims: ["sub", "iat", "exp"],
  };
  let problem: Refusal | undefined;
  try {
    const { payload } = await jwtVerify(
      token,
      async (header) => {
        const key = await keys.keyFor(header);
        if (typeof key !== "string") return key;
        problem = keyProblem(key, provider.name);
        throw new errors.JWKSNoMatchingKey();
      },
      options,
    );
    return accept(payload, provider, nowMs + skewSeconds * 1000);
  } catch (error) {
    if (problem !== undefined) return problem;
    if (error instanceof errors.JOSEError) return wordsFor(error, provider);
    throw error;
  }
}

/** The kinds admit these only; whatever becomes of the kinds, a public key is never used as a shared secret. */
function isAsymmetric(name: string): boolean {
  return (ALGORITHMS as readonly string[]).includes(name);
}

function keyProblem(problem: "unknown key" | "unreachable", provider: string): Refusal {
  return problem === "unknown key"
    ? invalid(`the token is signed with a key that ${provider} does not publish`)
    : refusal(
        "IDENTITY_UNCHECKED",
        `the keys of the identity provider ${provider} cannot be had now; try again`,
      );
}

function accept(payload: JWTPayload, provider: Provider, latestIatMs: number): Verified | Refusal {
  const { iat = 0, exp = 0, sub } = payload;
  if (typeof sub !== "string" || sub === "") return invalid("the token does not say whom it speaks of (sub)");
  if (iat * 1000 > latestIatMs) return invalid(`the token was issued in the future, at ${when(iat)}`);
  if ((exp - iat) * 1000 > TOKEN_LIFETIME_MS_MAX) {
    return invalid(
      `the token is valid for more than ${TOKEN_LIFETIME_MS_MAX / 3_600_000} hours; use shorter ones`,
    );
  }
  const read = readClaims(payload);
  if (isRefusal(read)) return read;
  const { claims } = read;
  const missing = missingClaim(provider.requiredClaims, claims);
  if (missing !== undefined) return missing;
  return { identity: { oidc: { provider: provider.name, claims } }, expiresMs: exp * 1000 };
}

/** Claims are looked at after the signature, so these words tell a forger nothing about what would be accepted. */
function wordsFor(error: errors.JOSEError, { audiences }: Provider): Refusal {
  if (error instanceof errors.JWTExpired) {
    return refusal(
      "IDENTITY_EXPIRED",
      `the token expired at ${when(error.payload.exp ?? 0)}; connect with a new one`,
    );
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, payload } = error;
    if (claim === "aud")
      return invalid(`the token is not meant for this gateway: aud must be ${audiences.join(" or ")}`);
    if (claim === "nbf") return invalid(`the token is not valid before ${when(payload.nbf ?? 0)}`);
    return invalid(`the token's claim ${printable(claim)} is missing or not as it must be`);
  }
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return invalid("the token's signature is wrong");
  return invalid("the token is not well-formed");
}

function when(seconds: number): string {
  const ms = seconds * 1000;
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : "a time out of range";
}
