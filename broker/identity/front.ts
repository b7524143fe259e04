/** Who stands behind a new session: its listener says how that is found out. */
import { type Evidence } from "#core/port/port.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import type { ListenerIdentity } from "../config.ts";
import { unlessAborted } from "../waiting.ts";
import { type AmbientDeps, type AmbientIdentity, ambientIdentity } from "./ambient/index.ts";
import type { Provider, Verified } from "./verifier.ts";

export interface IdentityFront {
  identify(listener: string, evidence: Evidence, signal: AbortSignal): Promise<Verified | Refusal>;
  /** It has been somebody until now without a word of the client's, and hardly is nobody now. */
  isLikelyKnown(listener: string, evidence: Evidence): boolean;
  update(listeners: Readonly<Record<string, ListenerIdentity>>, providers: readonly Provider[]): void;
}

export function identityFront(deps: AmbientDeps): IdentityFront {
  let listeners = new Map<string, AmbientIdentity | ReadonlySet<string>>();
  /** Ambient ones that were somebody when they were last asked. */
  const known = new Set<string>();
  return {
    update(settings, providers) {
      deps.verifier.update(providers);
      known.clear();
      // Ambient identities start afresh: what was verified by a provider's old words is not taken for verified by the new.
      listeners = new Map(
        Object.entries(settings).map(([name, identity]) => [
          name,
          identity.kind === "perClient" ? new Set(identity.providers) : ambientIdentity(name, identity, deps),
        ]),
      );
    },
    async identify(name, evidence, signal) {
      const listener = listeners.get(name);
      if (listener === undefined) return refusal("IDENTITY_INVALID", "this listener stands for no identity");
      if (!("current" in listener)) {
        if (evidence.kind === "token") return deps.verifier.verify(evidence.token, listener);
        return refusal("IDENTITY_MISSING", "this listener takes a token from every client, as its password");
      }
      if (evidence.kind !== "ambient")
        return refusal("IDENTITY_INVALID", "this listener has an identity of its own and takes no tokens");
      const answer = await unlessAborted(listener.current(), signal);
      if (isRefusal(answer)) known.delete(name);
      else known.add(name);
      return answer;
    },
    isLikelyKnown: (name, { kind }) => kind === "ambient" && known.has(name),
  };
}
