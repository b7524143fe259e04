import assert from "node:assert/strict";
import { httpGet } from "#broker/identity/http.ts";
import {
  type IdentityVerifier,
  type Provider,
  type Verified,
  createVerifier,
} from "#broker/identity/verifier.ts";
import { type Refusal, isRefusal } from "#core/values/refusal.ts";
import type { Issuer } from "#tools/oidc/issuer.ts";

export const AUDIENCE = "urn:sallyport:test";

export interface Clock {
  ms: number;
  readonly now: () => number;
}

export function clock(ms: number = Date.now()): Clock {
  const self: Clock = { ms, now: () => self.ms };
  return self;
}

export function providerOf(issuer: Issuer, more: Partial<Provider> = {}): Provider {
  return { name: "test", issuer: issuer.issuer, audiences: [AUDIENCE], ...more };
}

export function verifierFor(providers: readonly Provider[], time: Clock = clock()): IdentityVerifier {
  const verifier = createVerifier({ get: httpGet, now: time.now, note: () => undefined });
  verifier.update(providers);
  return verifier;
}

/** What an honest issuer would put in a token now. */
export function claimsOf(
  issuer: Issuer,
  time: Clock,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const seconds = Math.floor(time.ms / 1000);
  return { iss: issuer.issuer, sub: "agent", aud: AUDIENCE, iat: seconds, exp: seconds + 300, ...more };
}

export function accepted(answer: Verified | Refusal): Verified {
  assert.ok(!isRefusal(answer), isRefusal(answer) ? `${answer.code}: ${answer.publicText}` : "");
  return answer;
}

/** The refusal, which must tell nothing of the token. */
export function refused(answer: Verified | Refusal, token: Uint8Array): Refusal {
  assert.ok(isRefusal(answer), "the token was accepted");
  for (const part of Buffer.from(token).toString("latin1").split(".")) {
    assert.ok(part.length < 16 || !answer.publicText.includes(part), "the refusal quotes the token");
  }
  return answer;
}
