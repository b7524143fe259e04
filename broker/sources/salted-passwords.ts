/**
 * What passwords come to with the salts of their upstreams. Deriving it takes a millisecond of a core, and a client that connects for
 * each question has the same derived each time. It is kept for a little longer than such a client pauses, and then wiped
 * (docs/decisions/0057).
 */
import { createHmac, randomBytes } from "node:crypto";
import type { SecretBytes } from "#core/values/secret.ts";

export interface SaltedPasswords extends Disposable {
  /** `derive` is asked where it is not kept. What `use` is given is wiped later, so it keeps nothing of it. */
  use<Result>(
    wanted: WantedSalted,
    derive: () => Promise<SecretBytes>,
    use: (salted: Uint8Array) => Result,
  ): Promise<Result>;
}

export interface WantedSalted {
  readonly password: SecretBytes;
  readonly salt: Uint8Array;
  readonly iterations: number;
}

/** After its last use. */
const KEPT_MS = 30_000;
/** An upstream may send another salt each time. */
const KEPT_MAX = 64;

interface Kept {
  readonly salted: SecretBytes;
  readonly timer: NodeJS.Timeout;
}

export function saltedPasswords(keptMs: number = KEPT_MS): SaltedPasswords {
  /** So that what is kept can be found by a password and no password by what is kept. */
  const macKey = randomBytes(32);
  const kept = new Map<string, Kept>();

  function wipe(name: string): void {
    const each = kept.get(name);
    clearTimeout(each?.timer);
    each?.salted.wipe();
    kept.delete(name);
  }

  function keep(name: string, salted: SecretBytes): void {
    // Another proof of the same password may have come first.
    wipe(name);
    kept.set(name, { salted, timer: setTimeout(wipe, keptMs, name).unref() });
    const [oldest] = kept.keys();
    if (kept.size > KEPT_MAX && oldest !== undefined) wipe(oldest);
  }

  return {
    async use(wanted, derive, use) {
      const name = nameOf(macKey, wanted);
      const before = kept.get(name);
      before?.timer.refresh();
      if (before !== undefined) return use(before.salted.reveal());
      const salted = await derive();
      keep(name, salted);
      return use(salted.reveal());
    },
    [Symbol.dispose]() {
      for (const name of kept.keys()) wipe(name);
    },
  };
}

/** Another password, salt or number of iterations is another name. */
function nameOf(macKey: Uint8Array, { password, salt, iterations }: WantedSalted): string {
  const mac = createHmac("sha256", macKey).update(`${iterations} ${salt.length} `).update(salt);
  return mac.update(password.reveal()).digest("base64");
}
