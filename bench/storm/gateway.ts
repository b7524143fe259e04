/** A gateway as far as its broker sees it, one of thousands in a process: enrolled with its token, and then connected. */
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openEnrolment } from "#sidecar/uplink/tls/enrolment.ts";
import { tlsCarrier } from "#sidecar/uplink/tls/tls-carrier.ts";
import { Uplink } from "#sidecar/uplink/uplink.ts";
import { silent } from "#test/port/carriers.ts";
import { SERVER_NAME } from "#test/port/tls.ts";

export interface SimulatedOptions {
  readonly name: string;
  /** For what is its own. */
  readonly folder: string;
  readonly token: string;
  readonly authorityPath: string;
  /** Of replicas, in the order in which they are tried. */
  readonly addresses: readonly [string, ...string[]];
  readonly port: number;
  readonly enrolPort: number;
}

export interface Simulated {
  readonly uplink: Uplink;
  readonly enrolMs: number;
}

/** One process has the work of thousands to do: its time is not theirs. */
const PATIENCE_MS = 30_000;
const never = new AbortController().signal;

export async function openSimulated(options: SimulatedOptions): Promise<Simulated> {
  const { name, folder, token, authorityPath, addresses, port, enrolPort } = options;
  const state = join(folder, name);
  await mkdir(state, { mode: 0o700 });
  await writeFile(join(state, "token"), token, { mode: 0o600 });
  const enrolment = openEnrolment({
    serverName: SERVER_NAME,
    port: enrolPort,
    tokenPath: join(state, "token"),
    authorityPath,
    stateDirectory: state,
    nowMs: Date.now,
  });
  const beginMs = performance.now();
  await enrolment.credential(addresses.slice(0, 1), never);
  const enrolMs = performance.now() - beginMs;
  const common = {
    serverName: SERVER_NAME,
    port,
    connectMs: PATIENCE_MS,
    nowMs: Date.now,
    chance: Math.random,
  };
  const carrier = tlsCarrier({ ...common, replicas: { addresses: async () => addresses }, enrolment });
  const run = randomBytes(16).toString("base64url");
  return { uplink: new Uplink({ carrier, worker: name, run, log: silent, chance: Math.random }), enrolMs };
}
