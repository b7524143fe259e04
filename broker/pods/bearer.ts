/** A pod that shows its token as well as its certificate, and asks as the one that both of them say. */
import { isRefusal, refusal } from "#core/values/refusal.ts";
import type { Asker } from "../exchange/exchange.ts";
import { readObject } from "../identity/json.ts";
import { subjectOfPod } from "../identity/subject.ts";
import type { Cluster, PodClaim } from "./pods.ts";
import { notFrom } from "../api/enrol.ts";
import type { PodConnection } from "../api/serve-tls.ts";
import { ancestorsOf } from "./standing.ts";

export interface BearerOptions {
  readonly cluster: Pick<Cluster, "review" | "inspect" | "pinned">;
  readonly connection: PodConnection;
  /** Wiped by whoever made it. */
  readonly token: Uint8Array;
}

export interface Bearer extends Asker {
  /** Whose the token is, as soon as that is known. */
  readonly claim: PodClaim | undefined;
}

export function podBearer({ cluster, connection, token }: BearerOptions): Bearer {
  let known: PodClaim | undefined;
  return {
    get claim() {
      return known;
    },
    async standing(signal) {
      const pin = await cluster.pinned(connection.uid, signal);
      if (isRefusal(pin)) return pin;
      if (pin.keyHash !== connection.keyHash) return refusal("POD_KEY_REFUSED");
      const pod = await cluster.inspect(pin.claim, signal);
      if (isRefusal(pod)) return pod;
      const elsewhere = notFrom(connection.address, pod);
      if (elsewhere !== undefined) return elsewhere;
      const claim = await cluster.review(token, signal);
      if (isRefusal(claim)) return claim;
      known = claim;
      // Also of the account that the pod was started under: one that was made anew is another, whatever it is called.
      if (claim.uid !== pin.claim.uid || claim.serviceAccountUid !== pin.claim.serviceAccountUid)
        return refusal("IDENTITY_INVALID", "the token is another pod's than the certificate");
      const ancestors = ancestorsOf(pod);
      if (isRefusal(ancestors)) return ancestors;
      const { namespace, name, uid, credential } = claim;
      return {
        caller: { identity: pod.identity, ancestors, pod: { namespace, name, uid, credential } },
        subject: subjectOfPod(uid),
        untilMs: Math.min(connection.expiresMs, expiryOf(token)),
      };
    },
  };
}

/** Of a token that the cluster has just vouched for; what it does not say bounds nothing. */
function expiryOf(token: Uint8Array): number {
  const bytes = Buffer.from(token.buffer, token.byteOffset, token.byteLength);
  const from = bytes.indexOf(".") + 1;
  const payload = bytes.toString("latin1", from, bytes.indexOf(".", from));
  const claims = readObject(Buffer.from(payload, "base64url"));
  const exp = typeof claims === "object" ? claims["exp"] : undefined;
  return typeof exp === "number" ? exp * 1000 : Infinity;
}
