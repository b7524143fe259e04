/** A secret that is at hand for whoever needs it next, once and not for long. */
import type { SecretBytes } from "#core/values/secret.ts";

export interface OneUse {
  /** Whoever takes it wipes it. Undefined when it has been taken, or nobody came for it. */
  take(): SecretBytes | undefined;
}

export function forOneUse(secret: SecretBytes, withinMs: number): OneUse {
  let kept: SecretBytes | undefined = secret;
  const take = (): SecretBytes | undefined => {
    clearTimeout(timer);
    const taken = kept;
    kept = undefined;
    return taken;
  };
  const timer = setTimeout(() => take()?.wipe(), withinMs).unref();
  return { take };
}
