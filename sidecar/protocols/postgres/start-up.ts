/**
 * What of a client's start-up goes on to the upstream. It is the Connection's to say: its own role and database with settings that are
 * known to be safe, or, with `user: asRequested`, whatever the client asks for.
 */
import type { ConnectionView } from "#core/port/port.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import type { UpstreamTarget } from "../protocol.ts";
import { type ClientStartup, markedApplicationName } from "./startup-settings.ts";

export interface StartUp {
  /** With the role and the database of this session. */
  readonly target: UpstreamTarget;
  readonly settings: ReadonlyMap<string, string>;
  /** Role, database and settings are the client's own. */
  readonly isRequested: boolean;
  /** Settings may be among them under which texts mean something else. */
  readonly isTainted: boolean;
}

const isAsRequested = ({ spec }: ConnectionView): boolean => spec.postgres?.user === "asRequested";

/** Why a client that starts like this gets no session on that Connection, as far as it can be told without the upstream. */
export function unsuited(startup: ClientStartup, connection: ConnectionView): Refusal | undefined {
  const only = connection.spec.postgres?.database;
  if (only !== undefined && startup.database !== undefined && startup.database !== only)
    return refusal(
      "DENY_UNKNOWN_CONNECTION",
      `this connection leads to the database ${only} and to no other`,
    );
  return isRefusal(startup.settings) && !isAsRequested(connection) ? startup.settings : undefined;
}

export function startUp(startup: ClientStartup, target: UpstreamTarget): StartUp | Refusal {
  const { connection, sessionMark } = target;
  const why = unsuited(startup, connection);
  if (why !== undefined) return why;
  const name = markedApplicationName(sessionMark, startup.applicationName);
  const isRequested = isAsRequested(connection);
  const settings = new Map(isRequested || isRefusal(startup.settings) ? startup.requested : startup.settings);
  return {
    target: isRequested ? asRequested(startup, target) : target,
    settings: settings.set("application_name", name),
    isRequested,
    isTainted: isRefusal(startup.settings),
  };
}

function asRequested({ user, database }: ClientStartup, target: UpstreamTarget): UpstreamTarget {
  const { connection, lease } = target;
  const { postgres } = connection.spec;
  // As PostgreSQL has it: whoever names no database means the one of its own name.
  const spec = {
    ...connection.spec,
    postgres: { ...postgres, database: postgres?.database ?? database ?? user },
  };
  return { ...target, connection: { ...connection, spec }, lease: { ...lease, user } };
}
