/** The port of whoever is not admitted: it answers the greeting with the reason, and is asked for nothing else. */
import type { BrokerPort } from "#core/port/port.ts";
import type { Refusal } from "#core/values/refusal.ts";

export function refusingPort(why: Refusal): BrokerPort {
  const refused = async (): Promise<Refusal> => why;
  const nothing = (): void => undefined;
  return {
    hello: refused,
    identify: refused,
    exchange: refused,
    renew: refused,
    release: async () => undefined,
    prove: refused,
    hold: refused,
    append: refused,
    subscribe: nothing,
    applied: nothing,
    report: nothing,
  };
}
