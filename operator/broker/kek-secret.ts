/**
 * The keys that wrap the keys of the trail's texts, in one Secret that only the broker reads: all replicas wrap with the same, and a
 * copy of a volume opens nothing.
 */
import { randomBytes } from "node:crypto";
import { KEK_BYTES, type Kek, type Keyring, kekId, kekName, kekNumber } from "#broker/trail/keyring.ts";
import type { Clock } from "../kube/clock.ts";
import type { Call, Kube } from "../kube/client.ts";
import { KubeError, isAlreadyThere, isConflict } from "../kube/error.ts";
import { SECRETS, type Secret, objectKey } from "../kube/resource.ts";

export interface SecretKeyringOptions {
  readonly kube: Pick<Kube, "get" | "create" | "update">;
  readonly namespace: string;
  readonly name: string;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly signal: AbortSignal;
}

/** How late a new key may come into use. */
const LOOK_EVERY_MS = 60_000;
const DEADLINE_MS = 5_000;
const ATTEMPTS_MAX = 5;

export function secretKeyring({ kube, namespace, name, clock, signal }: SecretKeyringOptions): Keyring {
  const call: Call = { signal, deadlineMs: DEADLINE_MS };
  const place = objectKey(namespace, name);
  let known: { readonly ring: readonly Kek[]; readonly atMs: number } | undefined;

  const look = async (): Promise<readonly [readonly Kek[], Secret | undefined]> => {
    const secret = await kube.get(SECRETS, place, call);
    const ring = keysIn(secret);
    known = { ring, atMs: clock.monotonicMs() };
    return [ring, secret];
  };

  return {
    async read() {
      if (known !== undefined && known.ring.length > 0 && clock.monotonicMs() - known.atMs < LOOK_EVERY_MS)
        return known.ring;
      try {
        return (await look())[0];
      } catch (error) {
        // What was a key a minute ago is one still: the trail goes on without the API server.
        if (!(error instanceof KubeError) || known === undefined || known.ring.length === 0) throw error;
        return known.ring;
      }
    },
    async add() {
      const before = known?.ring[0]?.number ?? 0;
      for (let attempt = 1; ; attempt += 1) {
        const [ring, secret] = await look();
        const [newest] = ring;
        // Another replica was first: one key is enough for all.
        if (newest !== undefined && newest.number > before) return newest;
        try {
          const kek = await store(secret, (newest?.number ?? 0) + 1);
          known = { ring: [kek, ...ring], atMs: clock.monotonicMs() };
          return kek;
        } catch (error) {
          if (!(isAlreadyThere(error) || isConflict(error)) || attempt === ATTEMPTS_MAX) throw error;
        }
      }
    },
    confirm: async () => undefined,
  };

  async function store(before: Secret | undefined, number: number): Promise<Kek> {
    const key = randomBytes(KEK_BYTES);
    const data = { ...before?.data, [kekName(number)]: key.toString("base64") };
    if (before === undefined) await kube.create(SECRETS, { metadata: { name, namespace }, data }, call);
    else await kube.update(SECRETS, { ...before, data }, call);
    return { number, id: kekId(key), key };
  }
}

/** Throws when one is no key: to go on without it would lose what it wrapped. */
function keysIn(secret: Secret | undefined): readonly Kek[] {
  return Object.entries(secret?.data ?? {})
    .flatMap(([name, encoded]) => {
      const number = kekNumber(name);
      if (number === undefined) return [];
      const key = Buffer.from(encoded, "base64");
      if (key.length !== KEK_BYTES) throw new Error(`${name} is no key: it must be ${KEK_BYTES} bytes long`);
      return [{ number, id: kekId(key), key }];
    })
    .sort((a, b) => b.number - a.number);
}
