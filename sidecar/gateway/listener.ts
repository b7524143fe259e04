/** Where clients arrive, and what that says of them: which Connection they mean and how they prove who they are. */
import type { SecureContext } from "node:tls";
import type { ProtocolName } from "#core/api/kinds.gen.ts";
import type { ConnectionRef } from "#core/policy/facts.ts";

export interface Listener {
  readonly name: string;
  readonly connection: ConnectionRef;
  /** The protocol spoken here, which also says how a refusal sounds while there is no plan. */
  readonly protocol: ProtocolName;
  /** The one local user whose processes may connect; undefined: whoever can reach it. */
  readonly onlyUid: number | undefined;
  readonly greeting: {
    readonly listener: string;
    readonly identity: "ambient" | "perClient";
    readonly tls: SecureContext | undefined;
  };
}
