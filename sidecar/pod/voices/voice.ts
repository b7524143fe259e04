/** How a client of some protocol is refused before anything else is known of it. */
import type { Refusal } from "#core/values/refusal.ts";

export interface Voice {
  /** Whether a client that begins so speaks it; undefined while too little has come to tell. */
  recognises(bytes: Buffer): boolean | undefined;
  /** `canEncrypt`: a client that asks for TLS within its protocol can have it. */
  refuse(bytes: Buffer, why: Refusal, canEncrypt: boolean): Step;
}

export type Step =
  | { readonly kind: "more" }
  /** Said before the client goes on; it goes on behind `usedBytes`. */
  | { readonly kind: "reply"; readonly bytes: Buffer; readonly usedBytes: number }
  /** The same, and from then on both speak TLS. */
  | { readonly kind: "encrypt"; readonly bytes: Buffer; readonly usedBytes: number }
  | { readonly kind: "last"; readonly bytes: Buffer };

/** Whether `bytes` begin with `mark`; undefined while they could. */
export function beginsWith(bytes: Buffer, mark: Buffer): boolean | undefined {
  const common = Math.min(bytes.length, mark.length);
  if (!bytes.subarray(0, common).equals(mark.subarray(0, common))) return false;
  return bytes.length < mark.length ? undefined : true;
}
