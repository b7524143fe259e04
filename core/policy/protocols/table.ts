/** Every protocol that policies can speak of. A member of the Connection's enum without a row does not compile. */
import type { ProtocolName, RuleFamily } from "./family.ts";
import { postgres } from "./postgres/rules.ts";

const ROWS = { postgres } satisfies Record<ProtocolName, RuleFamily>;

export const PROTOCOL_NAMES = Object.keys(ROWS) as readonly ProtocolName[];

export function familyOf(protocol: ProtocolName): RuleFamily {
  return ROWS[protocol];
}

export function isProtocolName(value: unknown): value is ProtocolName {
  return typeof value === "string" && Object.hasOwn(ROWS, value);
}
