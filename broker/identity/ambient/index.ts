/** The identity that a listener stands for: whoever can reach the listener is its subject. */
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import type { SecretBytes } from "#core/values/secret.ts";
import { type Note, causeOf } from "../../note.ts";
import { HttpFailed } from "../http.ts";
import type { IdentityVerifier, Verified } from "../verifier.ts";
import { fileOrigin } from "./file.ts";
import { type GithubSettings, githubOrigin } from "./github.ts";
import { type OriginDeps, NoToken, type TokenOrigin } from "./origin.ts";
import { variableOrigin } from "./variable.ts";

export type AmbientSettings =
  | { readonly from: "file"; readonly path: string }
  | { readonly from: "variable"; readonly name: string }
  | ({ readonly from: "github" } & GithubSettings);

type Origins = {
  readonly [From in AmbientSettings["from"]]: (
    settings: Extract<AmbientSettings, { from: From }>,
    deps: OriginDeps,
  ) => TokenOrigin;
};
const origins = { file: fileOrigin, variable: variableOrigin, github: githubOrigin } satisfies Origins;

export interface AmbientIdentity {
  /** Who the listener stands for now. */
  current(): Promise<Verified | Refusal>;
}

export interface AmbientDeps extends OriginDeps {
  readonly verifier: IdentityVerifier;
  readonly now: () => number;
  readonly note: Note;
}

/** A token is fetched anew when this much of its life is left, so that a slow issuer costs nobody a session. */
const RENEW_AT_PART_LEFT = 1 / 3;

interface Kept {
  readonly verified: Verified;
  readonly renewMs: number;
}

export function ambientIdentity(
  listener: string,
  settings: AmbientSettings,
  deps: AmbientDeps,
): AmbientIdentity {
  const { now, note } = deps;
  const origin = openOrigin(settings, deps);
  let kept: Kept | undefined;
  let inFlight: Promise<Verified | Refusal> | undefined;

  async function ask(): Promise<Verified | Refusal> {
    const fetched = await fetchToken();
    if (isRefusal(fetched)) return fetched;
    using token = fetched;
    const verified = await deps.verifier.verify(token.reveal());
    if (isRefusal(verified)) {
      note("ambient.failed", { listener, code: verified.code, cause: verified.publicText });
    } else if (origin.isWorthKeeping) {
      kept = { verified, renewMs: now() + (verified.expiresMs - now()) * (1 - RENEW_AT_PART_LEFT) };
    }
    return verified;
  }

  async function fetchToken(): Promise<SecretBytes | Refusal> {
    try {
      return await origin.fetch();
    } catch (error) {
      if (!(error instanceof NoToken || error instanceof HttpFailed)) throw error;
      note("ambient.failed", { listener, code: "IDENTITY_MISSING", cause: causeOf(error) });
      return refusal(
        "IDENTITY_MISSING",
        "the gateway has no identity for this listener now; its log says why",
      );
    }
  }

  /** Callers share one request, which has a time limit of its own. */
  function askOnce(): Promise<Verified | Refusal> {
    if (!origin.isWorthKeeping) return ask();
    inFlight ??= ask().finally(() => {
      inFlight = undefined;
    });
    return inFlight;
  }

  return {
    async current() {
      if (kept !== undefined && now() < kept.renewMs) return kept.verified;
      const answer = await askOnce();
      const before = kept;
      return isRefusal(answer) && before !== undefined && now() < before.verified.expiresMs
        ? before.verified
        : answer;
    },
  };
}

function openOrigin(settings: AmbientSettings, deps: OriginDeps): TokenOrigin {
  // The compiler cannot see that the row and the settings are of the same `from`; the table's type says so.
  const open = origins[settings.from] as (settings: AmbientSettings, deps: OriginDeps) => TokenOrigin;
  return open(settings, deps);
}
