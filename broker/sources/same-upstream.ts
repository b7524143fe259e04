/** Whether an edited Connection still leads to where its open sessions are, and as whom. */
import { isDeepStrictEqual } from "node:util";
import type { Connection } from "#core/api/kinds.gen.ts";

type Spec = Connection["spec"];

/**
 * What else is in a Connection is for the sessions to come: names that agents dial, authorities, how clients that leave are taken. A
 * session's upstream was held to the authorities of its time.
 */
export function isSameUpstream(before: Spec, now: Spec): boolean {
  return before === now || isDeepStrictEqual(whereAndWho(before), whereAndWho(now));
}

function whereAndWho({ protocol, address, tls, credential, postgres }: Spec): readonly unknown[] {
  return [
    protocol,
    address,
    tls?.mode ?? "verify-full",
    tls?.serverName,
    credential,
    postgres?.database,
    postgres?.user,
  ];
}
