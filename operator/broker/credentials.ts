/** Whether the credentials that Connections name can be had: looked at by whoever may look, one after the other, again and again. */
import type { Secrets } from "#broker/pods/pods.ts";
import type { Connection } from "#core/api/kinds.gen.ts";
import { SecretBytes } from "#core/values/secret.ts";
import { type Log, errorFields } from "#runtime/log.ts";
import type { Desired } from "../desired/desired.ts";
import { type Clock, pause } from "../kube/clock.ts";
import type { CredentialFinding } from "./report.ts";

export interface CredentialsOptions {
  readonly secrets: Secrets;
  readonly inForce: () => Desired | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface Credentials {
  /** Of this very version of the Connection; undefined when it has not been looked at. */
  findingOf(connection: Connection): CredentialFinding | undefined;
  readonly ended: Promise<void>;
}

const ROUND_MS = 5_000;
/** At most fifty questions a second, however many Connections there are. */
const BETWEEN_MS = 20;
const LOOK_MS_MAX = 5_000;

export function watchCredentials(options: CredentialsOptions): Credentials {
  const { inForce, clock, log, signal } = options;
  let found = new WeakMap<Connection, CredentialFinding>();

  async function round(): Promise<void> {
    const before = found;
    const now = new WeakMap<Connection, CredentialFinding>();
    const connections = inForce()?.loaded.connections ?? [];
    // Until it is looked at again, what was found holds.
    for (const connection of connections) {
      const last = before.get(connection);
      if (last !== undefined) now.set(connection, last);
    }
    found = now;
    for (const connection of connections) {
      const finding = await look(connection, options);
      if (finding !== undefined) now.set(connection, finding);
      if (!(await pause(clock, BETWEEN_MS, signal))) return;
    }
  }

  async function run(): Promise<void> {
    let last: Desired | undefined;
    while (!signal.aborted) {
      last = inForce();
      try {
        await round();
      } catch (error) {
        if (signal.aborted) return;
        log.warn("credentials could not be looked at", errorFields(error));
      }
      // A new Connection is not kept waiting for the next round.
      for (let waitedMs = 0; waitedMs < ROUND_MS && inForce() === last; waitedMs += WAIT_MS)
        if (!(await pause(clock, WAIT_MS, signal))) return;
    }
  }
  return { findingOf: (connection) => found.get(connection), ended: run() };
}

const WAIT_MS = 200;

async function look(
  connection: Connection,
  { secrets, signal }: CredentialsOptions,
): Promise<CredentialFinding | undefined> {
  const { source } = connection.spec.credential;
  const reference = source?.secret ?? source?.postgresRole?.minter.secret;
  if (reference === undefined) return undefined;
  const answer = await secrets.secret(
    { connection, ...reference },
    AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS_MAX)]),
  );
  if (!(answer instanceof SecretBytes)) return answer.reason;
  answer.wipe();
  return "available";
}
