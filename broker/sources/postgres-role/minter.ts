/** The role that makes roles, on one server: signs in anew for each piece of work, a few at a time. */
import { type Limiter, limiter } from "../../limiter.ts";
import type { Passwords } from "../password.ts";
import { lineOf } from "../costly.ts";
import { proveWithPassword } from "../proving.ts";
import { NoCredential, type Upstream } from "../source.ts";
import { type Administrator, connectAdministrator } from "./client.ts";
import type { ConnectTo } from "./taking-back.ts";

export const FIELD = "spec.credential.source.postgresRole";

/** A server has few places for connections, and they are for agents. */
const CONNECTIONS_MAX = 4;
const CONNECT_MS_MAX = 10_000;
const WORK_MS_MAX = 60_000;

export interface Minters {
  /** The signal ends the work's connections. */
  at<Result>(
    upstream: Upstream,
    work: (connectTo: ConnectTo) => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result>;
}

export function minters(passwords: Passwords): Minters {
  const limiters = new Map<string, Limiter>();
  return {
    at(upstream, work, signal) {
      const { host, port } = upstream.spec.address;
      const key = `${host}:${port}`;
      const places = limiters.get(key) ?? limiter(CONNECTIONS_MAX);
      limiters.set(key, places);
      const whole = AbortSignal.any([signal, AbortSignal.timeout(WORK_MS_MAX)]);
      return places.run(() => work((database) => connect(upstream, database, passwords, whole)), whole);
    },
  };
}

async function connect(
  upstream: Upstream,
  database: string | undefined,
  passwords: Passwords,
  signal: AbortSignal,
): Promise<Administrator> {
  const { spec, caPem } = upstream;
  const source = spec.credential.source?.postgresRole;
  const own = spec.postgres?.database;
  if (source === undefined || own === undefined) throw new NoCredential(FIELD, `${FIELD} is missing`);
  using password = await passwords.read({
    reference: source.minter,
    field: `${FIELD}.minter`,
    upstream,
    signal,
  });
  const connecting = AbortSignal.timeout(CONNECT_MS_MAX);
  const tooSlow = new AbortController();
  const stop = (): void => tooSlow.abort(connecting.reason);
  connecting.addEventListener("abort", stop, { once: true });
  const either = AbortSignal.any([signal, tooSlow.signal]);
  try {
    return await connectAdministrator(
      {
        ...spec.address,
        tls: {
          mode: spec.tls?.mode ?? "verify-full",
          ...(spec.tls?.serverName === undefined ? {} : { serverName: spec.tls.serverName }),
          ...(caPem === undefined ? {} : { caPem }),
        },
        user: source.minter.user,
        database: database ?? own,
        prove: (challenge) =>
          proveWithPassword(challenge, password, { upstream: lineOf(upstream), signal: either }),
      },
      either,
    );
  } finally {
    connecting.removeEventListener("abort", stop);
  }
}
