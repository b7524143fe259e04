/** What is said to the server to take a role back. Every step may be repeated, by another process too. */
import { type Administrator, ServerRefused } from "./client.ts";
import { quoteName, quoteText } from "./quote.ts";

export interface RoleToTakeBack {
  readonly role: string;
  /** Who owns afterwards what the role owned. */
  readonly template: string;
}

/** Connects to a database of the same server; undefined: the Connection's own. */
export type ConnectTo = (database?: string) => Promise<Administrator>;

const TERMINATE_WAIT_MS = 2_000;
const TERMINATE_ROUNDS_MAX = 10;
const DEPENDENT_OBJECTS_STILL_EXIST = "2BP01";
const PG_AUTHID = 1260;

/** Throws when it could not be finished; the role cannot sign in any more then, if the server could be reached. */
export async function takeBackRole({ role, template }: RoleToTakeBack, connectTo: ConnectTo): Promise<void> {
  using admin = await connectTo();
  const [found] = await admin.query(`SELECT oid FROM pg_catalog.pg_roles WHERE rolname = ${quoteText(role)}`);
  if (found === undefined) return;
  await admin.query(`ALTER ROLE ${quoteName(role)} NOLOGIN PASSWORD NULL CONNECTION LIMIT 0`);
  await terminateSessions(admin, role);
  await giveAway(admin, connectTo, { role, template, oid: String(found["oid"]) });
  try {
    await admin.query(`DROP ROLE IF EXISTS ${quoteName(role)}`);
  } catch (error) {
    // Something was made between our look and the end of its last session.
    if (!(error instanceof ServerRefused) || error.sqlState !== DEPENDENT_OBJECTS_STILL_EXIST) throw error;
    await giveAway(admin, connectTo, { role, template, oid: String(found["oid"]) });
    await admin.query(`DROP ROLE IF EXISTS ${quoteName(role)}`);
  }
}

async function terminateSessions(admin: Administrator, role: string): Promise<void> {
  for (let round = 0; round < TERMINATE_ROUNDS_MAX; round += 1) {
    const ended = await admin.query(
      `SELECT pg_catalog.pg_terminate_backend(pid, ${TERMINATE_WAIT_MS}) AS gone
         FROM pg_catalog.pg_stat_activity WHERE usename = ${quoteText(role)}`,
    );
    if (ended.length === 0) return;
  }
  throw new Error(`sessions of ${role} do not end`);
}

/** Ownership and grants live in databases, and each is reached by its own connection only. */
async function giveAway(
  admin: Administrator,
  connectTo: ConnectTo,
  { role, template, oid }: RoleToTakeBack & { readonly oid: string },
): Promise<void> {
  const rows = await admin.query(
    `SELECT DISTINCT d.datname AS name
       FROM pg_catalog.pg_shdepend s LEFT JOIN pg_catalog.pg_database d ON d.oid = s.dbid
      WHERE s.refclassid = ${PG_AUTHID} AND s.refobjid = ${oid}`,
  );
  // Without a database: a grant on something that the whole server shares, which any connection can drop.
  for (const { name } of rows) {
    using there = await connectTo(name ?? undefined);
    await giveAwaySchemas(there, template, oid);
    await there.query(`REASSIGN OWNED BY ${quoteName(role)} TO ${quoteName(template)}`);
    await there.query(`DROP OWNED BY ${quoteName(role)}`);
  }
}

/** First: what lies in a schema can be given only to who may create there. */
async function giveAwaySchemas(there: Administrator, template: string, oid: string): Promise<void> {
  const schemas = await there.query(
    `SELECT nspname AS name FROM pg_catalog.pg_namespace WHERE nspowner = ${oid}`,
  );
  for (const { name } of schemas) {
    await there.query(`ALTER SCHEMA ${quoteName(name ?? "")} OWNER TO ${quoteName(template)}`);
  }
}

/** Roles of ours on the server, by their mark; whoever made them. */
export function listOurs(admin: Administrator, prefix: string): ReturnType<Administrator["query"]> {
  return admin.query(
    `SELECT r.rolname AS role, pg_catalog.shobj_description(r.oid, 'pg_authid') AS mark,
            r.rolvaliduntil < pg_catalog.clock_timestamp() - interval '1 hour' AS "longOver"
       FROM pg_catalog.pg_roles r WHERE pg_catalog.starts_with(r.rolname::text, ${quoteText(prefix)})`,
  );
}
