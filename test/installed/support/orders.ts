/** The database of examples/kubernetes/orders.yaml: what the README's agent asks of it, and what it knows of the agent. */
import type { Release } from "./release.ts";

export const POLICY = "secretaccesspolicy/reporting";
/** What opens the database to whoever has it, as the example's Secret does. */
export const MINTER_PASSWORD = "for-the-minter";

/** As anybody at a shell. */
export const psqlOfAgent = (statement: string): string =>
  `kubectl exec deployment/agent --namespace shop --container=agent -- ${psql(`--command='${statement}'`)}`;

export const psql = (words: string): string =>
  `psql --no-psqlrc --host=orders-db.shop --dbname=shop --tuples-only --no-align ${words}`;

/** What only its superuser sees. */
export function asOwner(release: Release, query: string): Promise<string> {
  const ask = `PGPASSWORD=$POSTGRES_PASSWORD psql --no-psqlrc --host=127.0.0.1 --username=postgres --dbname=shop -qtAc "$0"`;
  return inDatabase(release, ask, query);
}

/** At a shell beside the server. */
export async function inDatabase(
  { kubectl, node }: Release,
  script: string,
  ...words: readonly string[]
): Promise<string> {
  const name = await kubectl("get pods --namespace data --selector=app=orders-db --output=name");
  const command = ["exec", "--namespace", "data", name.trim(), "--", "bash", "-c", script, ...words];
  const { code, stdout, stderr } = await node.kubectl(command, { stdin: "" });
  if (code !== 0) throw new Error(`${words.join(" ")}\n${stderr}`);
  return stdout;
}

/** Sessions of agents there are now, by the roles that were made for them. */
export const mintedSessions = (release: Release): Promise<string> =>
  asOwner(release, "select usename from pg_stat_activity where usename like 'sp\\_%' order by 1");

export const mintedRoles = (release: Release): Promise<string> =>
  asOwner(release, "select rolname from pg_roles where rolname like 'sp\\_%' order by 1");
