/**
 * Everything that is meant to be other than without a gateway. A cell that differs and is not in here fails the run, and so does one
 * that is in here and does not differ, or differs for another reason.
 */
import type { FeatureId } from "./features.ts";
import type { Rule } from "./judge.ts";
import type { DriverName } from "./programs.ts";

interface MeantDifference extends Rule {
  /** For whoever reads the matrix: why, and what to do. */
  readonly says: string;
  /** Versions of the server; left out: every one. */
  readonly on?: readonly number[];
  readonly cells: Partial<Record<FeatureId, readonly DriverName[] | "every driver">>;
}

export const RULES: readonly MeantDifference[] = [
  {
    name: "tokens-need-tls",
    says: "Where clients bring a token, the gateway takes it over TLS only; a client that would begin in the clear goes on to TLS where it may. A listener with ambient identity asks for nothing, and takes both.",
    shows: /CLIENT_TLS_REQUIRED/,
    cells: { "tls-disable": "every driver" },
  },
  {
    name: "tls-instead",
    says: "The server takes the password in the clear, the gateway takes no token so: the driver then does with TLS what it may do without.",
    shows: /^\{"saw":\[true,1\]\}$/,
    cells: { "tls-allow": ["psycopg 3", "asyncpg", "SQLAlchemy", "psql"] },
  },
  {
    name: "tls-of-the-gateway",
    says: "TLS towards a client is the gateway's own, so it may begin with the first byte also where the server behind it is older than PostgreSQL 17.",
    shows: /^\{"saw":(?:\[true,1\]|"?1"?)\}$/,
    on: [15],
    cells: { "tls-direct": "every driver" },
  },
  {
    name: "protocol-of-the-gateway",
    says: "The gateway speaks protocol 3.2 with a client that has it, with its long keys for cancels, also where the server behind it is older than PostgreSQL 18 and is spoken to in 3.0.",
    shows: /^\{"saw":\[30002,"57014"\]\}$/,
    on: [15],
    cells: { "protocol-newest": ["psycopg 3"] },
  },
  {
    name: "no-name-for-large-objects",
    says: "No relation stands for a large object, so no rule can name one: `DENY_UNANALYSED`. Only `statements: [any]` lets them pass.",
    shows: /large objects, which no relation names.*DENY_UNANALYSED/s,
    cells: { "large-objects": ["postgres.js"] },
  },
  {
    name: "functions-by-number",
    says: "libpq's and pgjdbc's own interfaces to large objects first look functions up in `pg_proc`, which also shows the code of all others, and call them by number. Under `statements: [any]` both pass.",
    shows: /read on pg_catalog\.pg_proc.*DENY_NO_RULE/s,
    cells: { "large-objects": ["psql", "pgjdbc"] },
  },
  {
    name: "no-password-to-bind",
    says: "Channel binding ties a password's proof to the TLS session that it is proved in. Towards the server the gateway does that itself, whenever the server offers it. Its own clients prove no password: they bring a signed token or nothing, so there is no proof to be tied to anything, and a client that demands it gives up. `prefer`, the default, is served; what stands against somebody in between is `verify-full`.",
    shows: /channel binding/i,
    cells: { "channel-binding-require": "every driver" },
  },
  {
    name: "a-token-for-a-password",
    says: "What stands in the password's place is a token: one that is none is refused with the same SQLSTATE (`28P01`), and in other words.",
    shows: /IDENTITY_INVALID/,
    cells: { "wrong-password": "every driver" },
  },
  {
    name: "safe-settings",
    says: "A session may set what is known to be safe ([settings](policy-language.md#settings)), at its start as later.",
    shows: /the startup parameter \w+ cannot be set through the gateway.*NOT_SUPPORTED/s,
    cells: { "startup-unsafe": "every driver", "client-encoding": "every driver" },
  },
  {
    name: "all-settings",
    says: "pgjdbc's `getImportedKeys` and its like read `pg_settings`, which shows every setting, an application's own secrets among them. The rule for looking at the schema leaves it out; whoever keeps nothing there adds `pg_catalog.pg_settings` to it.",
    shows: /read on pg_catalog\.pg_settings.*DENY_NO_RULE/s,
    cells: { introspection: ["pgjdbc"] },
  },
  {
    name: "marked-name",
    says: "Before the application's own name stands the session's mark, by which the server's log and `pg_stat_activity` lead to the trail. It is there until the session sets another name, as pgjdbc does right after its start.",
    shows: /sallyport:[\w-]+ ledger/,
    cells: {
      "application-name": ["psql", "node-postgres", "postgres.js", "psycopg 3", "asyncpg", "SQLAlchemy"],
    },
  },
  {
    name: "no-replication",
    says: "What a replication connection carries cannot be looked into, so none is opened.",
    shows: /replication connections are not carried.*NOT_SUPPORTED/s,
    cells: { replication: "every driver" },
  },
];

export function ruleFor(
  feature: FeatureId,
  driver: DriverName,
  version: number,
): MeantDifference | undefined {
  return RULES.find(({ cells, on }) => {
    if (on?.includes(version) === false) return false;
    const drivers = cells[feature];
    return drivers === "every driver" || drivers?.includes(driver) === true;
  });
}
