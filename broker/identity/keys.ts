/** The keys of one issuer, kept. Knows when to ask again, and for how long old answers are good while nobody answers. */
import { type CryptoKey, type JWSHeaderParameters, type LocalJWKSet, errors } from "jose";
import { type Note, causeOf } from "../note.ts";
import { type Issuer, fetchKeys } from "./discovery.ts";
import type { HttpGet } from "./http.ts";

/** A key that its issuer withdraws is believed for this long. */
const REFRESH_MS = 10 * 60_000;
/** How long an issuer that cannot be reached is believed from memory. A key withdrawn meanwhile is believed as long. */
export const STALE_MS_MAX = 60 * 60_000;
/** Between two requests that a token with an unknown key can cause: tokens are free to make up. */
export const UNKNOWN_KEY_COOLDOWN_MS = 30_000;
/** Between two requests while the issuer does not answer. */
export const FAILURE_COOLDOWN_MS = 5_000;

export interface KeyStoreDeps {
  readonly get: HttpGet;
  readonly now: () => number;
  readonly note: Note;
}

export type KeyProblem = "unknown key" | "unreachable";

/** `kept`: the issuer does not answer, and is believed from memory for a while. */
export type KeysFinding = "available" | "kept" | "unavailable";

export interface IssuerKeys {
  /** Undefined when nobody has asked the issuer yet. */
  finding(): KeysFinding | undefined;
  /** Asks the issuer where that is due, for nobody in particular. */
  look(): void;
  keyFor(header: JWSHeaderParameters): Promise<CryptoKey | KeyProblem>;
}

interface Kept {
  readonly set: LocalJWKSet;
  readonly fetchedMs: number;
}

export function issuerKeys(provider: string, from: Issuer, { get, now, note }: KeyStoreDeps): IssuerKeys {
  let kept: Kept | undefined;
  let failedMs = Number.NEGATIVE_INFINITY;
  let inFlight: Promise<void> | undefined;

  async function refresh(): Promise<void> {
    try {
      kept = { set: await fetchKeys(from, get), fetchedMs: now() };
      failedMs = Number.NEGATIVE_INFINITY;
      note("provider.keys", { provider, keys: kept.set.jwks().keys.length });
    } catch (error) {
      failedMs = now();
      note("provider.unreachable", { provider, cause: causeOf(error) });
    }
  }

  /** Callers that want the same share one request; it has a time limit of its own. */
  function refreshOnce(): Promise<void> {
    if (now() - failedMs < FAILURE_COOLDOWN_MS) return Promise.resolve();
    inFlight ??= refresh().finally(() => {
      inFlight = undefined;
    });
    return inFlight;
  }

  const isDue = (): boolean => kept === undefined || now() - kept.fetchedMs >= REFRESH_MS;
  return {
    finding() {
      const isFailing = failedMs !== Number.NEGATIVE_INFINITY;
      if (kept === undefined) return isFailing ? "unavailable" : undefined;
      if (now() - kept.fetchedMs >= STALE_MS_MAX) return "unavailable";
      return isFailing ? "kept" : "available";
    },
    look() {
      if (isDue()) void refreshOnce();
    },
    async keyFor(header) {
      if (isDue()) await refreshOnce();
      const before = kept;
      if (before === undefined || now() - before.fetchedMs >= STALE_MS_MAX) return "unreachable";
      const known = await pick(before.set, header);
      if (known !== "unknown key" || now() - before.fetchedMs < UNKNOWN_KEY_COOLDOWN_MS) return known;
      await refreshOnce();
      return kept === undefined ? "unreachable" : pick(kept.set, header);
    },
  };
}

async function pick(set: LocalJWKSet, header: JWSHeaderParameters): Promise<CryptoKey | "unknown key"> {
  try {
    return await set(header);
  } catch (error) {
    // Several keys that fit, or one that cannot be used, are no better than none.
    if (error instanceof errors.JOSEError || error instanceof DOMException) return "unknown key";
    throw error;
  }
}
