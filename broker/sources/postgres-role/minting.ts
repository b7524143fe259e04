/** What is said to the server to make a role and to keep it. */
import type { Administrator } from "./client.ts";
import { quoteName, quoteText } from "./quote.ts";

export interface RoleToMint {
  readonly role: string;
  readonly template: string;
  /** As `pg_authid.rolpassword` holds it. */
  readonly verifier: string;
  readonly comment: string;
  readonly ttlSeconds: number;
  readonly connectionsMax: number;
}

/** Membership says since 16 what it is good for; the defaults of neither side are left to chance. */
const MEMBERSHIP_OPTIONS_SINCE = 160_000;

/** In words for operators why this template must not be used, or undefined. */
export async function whyNotTemplate(admin: Administrator, template: string): Promise<string | undefined> {
  const [found] = await admin.query(
    `SELECT rolsuper OR rolcreaterole OR rolreplication AS strong, rolcanlogin AS login
       FROM pg_catalog.pg_roles WHERE rolname = ${quoteText(template)}`,
  );
  if (found === undefined) return `there is no role ${template}`;
  if (found["strong"] === "t") return `the role ${template} is a superuser, or may make roles or replicate`;
  // A session acts as the template, and who acts as a role may give it a password.
  if (found["login"] === "t") return `the role ${template} may log in: ALTER ROLE it NOLOGIN`;
  return undefined;
}

/** One transaction: the role is there with its mark and its end, or not at all. */
export async function mintRole(admin: Administrator, minting: RoleToMint): Promise<void> {
  const role = quoteName(minting.role);
  const template = quoteName(minting.template);
  const until = await serverTimeIn(admin, minting.ttlSeconds);
  const options = admin.version >= MEMBERSHIP_OPTIONS_SINCE ? "WITH INHERIT TRUE, SET TRUE" : "";
  await admin.query(
    [
      `CREATE ROLE ${role} LOGIN CONNECTION LIMIT ${minting.connectionsMax}`,
      ` PASSWORD ${quoteText(minting.verifier)} VALID UNTIL ${quoteText(until)};`,
      `COMMENT ON ROLE ${role} IS ${quoteText(minting.comment)};`,
      `GRANT ${template} TO ${role} ${options};`,
      // Who takes a role back must act in its place: reassign what it owns, end its sessions.
      `GRANT ${role} TO CURRENT_USER ${options};`,
      // What a session creates belongs to the template from the start, not to a role that will be gone.
      `ALTER ROLE ${role} SET role = ${quoteText(minting.template)};`,
    ].join("\n"),
  );
}

/** Another key, another mark and another end for a role that there is; false when there is none. */
export async function rekeyRole(
  admin: Administrator,
  { role, verifier, comment, ttlSeconds, connectionsMax }: Omit<RoleToMint, "template">,
): Promise<boolean> {
  const [found] = await admin.query(
    `SELECT rolcanlogin AS login FROM pg_catalog.pg_roles WHERE rolname = ${quoteText(role)}`,
  );
  // Without login it is being taken back, by whomever.
  if (found?.["login"] !== "t") return false;
  const until = await serverTimeIn(admin, ttlSeconds);
  await admin.query(
    [
      `ALTER ROLE ${quoteName(role)} CONNECTION LIMIT ${connectionsMax}`,
      ` PASSWORD ${quoteText(verifier)} VALID UNTIL ${quoteText(until)};`,
      `COMMENT ON ROLE ${quoteName(role)} IS ${quoteText(comment)};`,
    ].join("\n"),
  );
  return true;
}

export async function extendRole(
  admin: Administrator,
  { role, ttlSeconds, connectionsMax }: Pick<RoleToMint, "role" | "ttlSeconds" | "connectionsMax">,
): Promise<void> {
  const until = await serverTimeIn(admin, ttlSeconds);
  await admin.query(
    `ALTER ROLE ${quoteName(role)} CONNECTION LIMIT ${connectionsMax} VALID UNTIL ${quoteText(until)}`,
  );
}

/** By the server's clock, which is the one that the end is compared with. */
async function serverTimeIn(admin: Administrator, seconds: number): Promise<string> {
  const [row] = await admin.query(
    `SELECT (pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => ${seconds}))::text AS until`,
  );
  return row?.["until"] ?? "";
}
