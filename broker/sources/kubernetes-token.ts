/**
 * Tokens for the API server of the broker's own cluster: of the pod that asks, as its own service account. One for all sessions of a
 * pod, made anew before it ends, and gone from here with the last of them. There is no taking back: it ends with the pod, or by itself.
 */
import type { Challenge, Proof } from "#core/port/port.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import type { Note } from "../note.ts";
import type { ApiToken, ApiTokens, TokenWanted } from "../pods/pods.ts";
import { badChallenge, refusalFor } from "./static.ts";
import { type Credential, type CredentialRequest, type CredentialSource, NoCredential } from "./source.ts";

export interface KubernetesTokenDeps {
  /** Undefined outside of a cluster. */
  readonly apiTokens?: ApiTokens | undefined;
  readonly now: () => number;
  readonly note: Note;
}

const FIELD = "spec.credential.source.kubernetesToken";
/** With less than this left another one is made, so that what was given out is good for a while. */
const LEFT_MS_MIN = 5 * 60_000;
const ASK_MS_MAX = 5_000;

/** Of one pod. */
interface Holding {
  sessions: number;
  current: ApiToken | undefined;
  asking: Promise<ApiToken | Refusal> | undefined;
}

export function kubernetesTokenSource({ apiTokens, now, note }: KubernetesTokenDeps): CredentialSource {
  const holdings = new Map<string, Holding>();

  async function ask(request: CredentialRequest, wanted: TokenWanted): Promise<ApiToken | Refusal> {
    const answer = await apiTokens?.apiToken(wanted, AbortSignal.timeout(ASK_MS_MAX));
    if (answer === undefined) return outsideOfCluster();
    if ("token" in answer) return answer;
    return refusalFor(new NoCredential(FIELD, answer.why), request.upstream, note);
  }

  /** One that is good for `leftMs` more. However many sessions want it, the API server is asked once. */
  async function fresh(
    holding: Holding,
    request: CredentialRequest,
    wanted: TokenWanted,
    leftMs: number,
  ): Promise<ApiToken | Refusal> {
    const { current } = holding;
    if (current !== undefined && current.expiresMs - now() >= leftMs) return current;
    holding.asking ??= ask(request, wanted).finally(() => {
      holding.asking = undefined;
    });
    const made = await holding.asking;
    if (isRefusal(made) || made === holding.current) return made;
    holding.current?.token.wipe();
    holding.current = made;
    // Whoever wanted it has gone meanwhile.
    if (holding.sessions === 0) made.token.wipe();
    return made;
  }

  function letGo(holding: Holding, uid: string): void {
    holding.sessions -= 1;
    if (holding.sessions > 0) return;
    holding.current?.token.wipe();
    if (holdings.get(uid) === holding) holdings.delete(uid);
  }

  return {
    check: () => (apiTokens === undefined ? outsideOfCluster() : undefined),
    async lease(request) {
      const wanted = wantedBy(request);
      if (isRefusal(wanted)) return wanted;
      const { uid } = wanted.pod;
      const holding = holdings.get(uid) ?? { sessions: 0, current: undefined, asking: undefined };
      holdings.set(uid, holding);
      holding.sessions += 1;
      const first = await fresh(holding, request, wanted, LEFT_MS_MIN);
      if (isRefusal(first)) {
        letGo(holding, uid);
        return first;
      }
      return credentialOf({
        user: `system:serviceaccount:${wanted.pod.namespace}:${wanted.serviceAccount}`,
        first,
        fresh: (leftMs) => fresh(holding, request, wanted, leftMs),
        now,
        end: () => letGo(holding, uid),
      });
    },
    sweep: () => undefined,
    settled: async () => {
      await Promise.allSettled([...holdings.values()].flatMap(({ asking }) => asking ?? []));
    },
    [Symbol.asyncDispose]: async () => {
      for (const { current } of holdings.values()) current?.token.wipe();
      holdings.clear();
    },
  };
}

interface Held {
  readonly user: string;
  readonly first: ApiToken;
  readonly fresh: (leftMs: number) => Promise<ApiToken | Refusal>;
  readonly now: () => number;
  readonly end: () => void;
}

function credentialOf({ user, first, fresh, now, end }: Held): Credential {
  let isHeld = true;
  let validUntilMs = first.expiresMs;
  const renewed = async (leftMs: number): Promise<ApiToken | Refusal> => {
    if (!isHeld) return refusal("LEASE_ENDED");
    const made = await fresh(leftMs);
    if (!isHeld) return refusal("LEASE_ENDED");
    if (!isRefusal(made)) validUntilMs = made.expiresMs;
    return made;
  };
  return {
    user,
    get validUntilMs() {
      return validUntilMs;
    },
    prove: async ({ kind }: Challenge): Promise<Proof | Refusal> => {
      if (kind !== "bearer") return badChallenge();
      const made = await renewed(LEFT_MS_MIN);
      if (isRefusal(made)) return made;
      // A copy: whoever gets it wipes it.
      return { kind, token: Uint8Array.from(made.token.reveal()), expiresMs: made.expiresMs };
    },
    async extend(untilMs) {
      const made = await renewed(untilMs - now());
      return isRefusal(made) ? made : undefined;
    },
    end() {
      if (!isHeld) return;
      isHeld = false;
      end();
    },
  };
}

function wantedBy({ caller }: CredentialRequest): TokenWanted | Refusal {
  const { pod, identity: { serviceAccount } = {} } = caller ?? {};
  if (pod === undefined || serviceAccount === undefined)
    return refusal("CREDENTIAL_UNAVAILABLE", `the connection's credential (${FIELD}) is for pods alone`);
  const { namespace, name, uid } = pod;
  return { pod: { namespace, name, uid }, serviceAccount: serviceAccount.name };
}

function outsideOfCluster(): Refusal {
  return refusal(
    "CREDENTIAL_UNAVAILABLE",
    `the connection's credential is in ${FIELD}, which only a broker in a cluster can follow`,
  );
}
