/** The gateways that are measured, as a user would write them down. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connectionOf, policyOf } from "../accounts.ts";
import { gatewayKind } from "../listener.ts";

export interface GatewayKind {
  /** One word. */
  readonly name: string;
  readonly workers: number;
  /** To the client and to the server. */
  readonly tls: boolean;
  /** Measured once more through the Connection whose reads are durable on record before they are forwarded. */
  readonly alsoStrict: boolean;
}

/** Connections, and their listeners; both lead to the same database under the same policy. */
export const RUN_AHEAD = "bench";
export const DURABLE_FIRST = "bench-durable-first";

/** All of them have the policy, the trail and the redaction of two columns. */
export const GATEWAYS = {
  one: { name: "gateway", workers: 1, tls: false, alsoStrict: true },
  two: { name: "gateway-2-workers", workers: 2, tls: false, alsoStrict: false },
  tls: { name: "gateway-tls", workers: 1, tls: true, alsoStrict: false },
} as const satisfies Record<string, GatewayKind>;

export interface Surroundings {
  readonly token: string;
  readonly password: string;
  readonly port: number;
  readonly authorityFile: string;
  readonly provider: string;
}

export const SESSIONS_MAX = 10_000;

export async function gatewayFiles(kind: GatewayKind, config: string, around: Surroundings): Promise<void> {
  const files = {
    "connection.yaml": connection(RUN_AHEAD, kind, around),
    ...(kind.alsoStrict ? { "durable-first.yaml": connection(DURABLE_FIRST, kind, around) } : {}),
    "provider.yaml": around.provider,
    "policy.yaml": policyOf([RUN_AHEAD, DURABLE_FIRST], SESSIONS_MAX),
    "gateway.yaml": gatewayKind(around.token, connectionsOf(kind)),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(config, name), text);
}

function connectionsOf({ alsoStrict }: GatewayKind): readonly string[] {
  return alsoStrict ? [RUN_AHEAD, DURABLE_FIRST] : [RUN_AHEAD];
}

function connection(
  name: string,
  { tls }: GatewayKind,
  { port, password, authorityFile }: Surroundings,
): string {
  return connectionOf({
    name,
    port,
    passwordFile: password,
    reads: name === DURABLE_FIRST ? "durableFirst" : "runAhead",
    ...(tls ? { authorityFile } : {}),
  });
}
