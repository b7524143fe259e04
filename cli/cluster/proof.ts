/** A key that the API server has written the asker's name beside: docs/decisions/0035. It is kept in memory, and good for minutes. */
import { PEOPLE_SECONDS, PEOPLE_SIGNER, requestNameOf } from "#core/port/people.ts";
import type { Kube } from "#operator/kube/client.ts";
import { CERTIFICATE_REQUESTS } from "#operator/kube/resource.ts";
import { type OwnKey, makeOwnKey } from "#runtime/certificate/make.ts";

export type Proof = Pick<OwnKey, "certificatePem" | "keyPem">;

/** Of what the broker takes it for; the rest is for clocks that differ. */
const REUSED_MS = (PEOPLE_SECONDS * 1_000 * 3) / 4;

export interface Prover {
  proof(signal: AbortSignal): Promise<Proof>;
}

export function openProver(kube: Pick<Kube, "create">, nowMs: () => number): Prover {
  let last: { readonly key: OwnKey; readonly madeMs: number } | undefined;
  return {
    async proof(signal) {
      const atMs = nowMs();
      if (last === undefined || atMs - last.madeMs > REUSED_MS) {
        const key = makeOwnKey("kubectl-sallyport", atMs, PEOPLE_SECONDS * 1_000);
        await kube.create(CERTIFICATE_REQUESTS, requestFor(key), { signal });
        last = { key, madeMs: atMs };
      }
      return last.key;
    },
  };
}

function requestFor({ publicKey, requestPem }: OwnKey) {
  return {
    metadata: { name: requestNameOf(publicKey) },
    spec: {
      signerName: PEOPLE_SIGNER,
      request: Buffer.from(requestPem).toString("base64"),
      usages: ["digital signature", "client auth"],
      expirationSeconds: PEOPLE_SECONDS,
    },
  };
}
