/** A broker that has a trail and nothing else: every identity is believed, no credential is given. */
import type { AttachedPort } from "#broker/api/serve.ts";
import type { Trail } from "#broker/trail/trail.ts";
import { isRefusal, refusal } from "#core/values/refusal.ts";

export function trailPort(trail: Trail): AttachedPort {
  return {
    hello: async () => ({ version: 1, broker: "test" }),
    identify: async ({ session }, signal) => {
      const keys = await trail.openSession(session, signal);
      if (isRefusal(keys)) return keys;
      const identity = { serviceAccount: { namespace: "agents", name: "reporter" } };
      return { caller: { identity, ancestors: [] }, digestKey: keys.digestKey, expiresMs: 0 };
    },
    append: (batch, signal) => trail.append(batch, signal),
    exchange: async () => refusal("CREDENTIAL_UNAVAILABLE"),
    renew: async () => refusal("CREDENTIAL_UNAVAILABLE"),
    release: async () => undefined,
    prove: async () => refusal("CREDENTIAL_UNAVAILABLE"),
    hold: async () => refusal("ASK_NOT_AVAILABLE"),
    subscribe: () => undefined,
    applied: () => undefined,
    report: () => undefined,
    detach: () => undefined,
  };
}
