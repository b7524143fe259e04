/** Every protocol that policies can speak of. A member of the Connection's enum without a row does not compile. */
import type { ProtocolName, RuleFamily } from "./family.ts";
import { kubernetes } from "./kubernetes/rules.ts";
import { postgres } from "./postgres/rules.ts";
import { tcp } from "./tcp/rules.ts";
import type { Request } from "../facts.ts";

const ROWS = { kubernetes, postgres, tcp } satisfies Record<ProtocolName, RuleFamily>;

export const PROTOCOL_NAMES = Object.keys(ROWS) as readonly ProtocolName[];

const OPENINGS = {
  kubernetes: { protocol: "kubernetes", acts: [] },
  postgres: { protocol: "postgres", statements: [] },
  tcp: { protocol: "tcp" },
} as const satisfies Record<ProtocolName, Request>;

/** The question whether a session may exist at all. */
export function openingOf(protocol: ProtocolName): Request {
  return OPENINGS[protocol];
}

export function familyOf(protocol: ProtocolName): RuleFamily {
  return ROWS[protocol];
}

export function isProtocolName(value: unknown): value is ProtocolName {
  return typeof value === "string" && Object.hasOwn(ROWS, value);
}
