/** How a client reaches a listener, in one line that can be pasted. */
import type { ProtocolName } from "#core/api/kinds.gen.ts";
import type { OpenListener } from "./listening.ts";

export function readyLine(listener: OpenListener, caPath: string): string {
  const { plan } = listener;
  return `${plan.name}: ${HOW[plan.protocol](listener, caPath)}`;
}

const HOW = { kubernetes: howToKubernetes, postgres: howToPostgres, tcp: howToTcp } satisfies Record<
  ProtocolName,
  (listener: OpenListener, caPath: string) => string
>;

function howToPostgres({ plan, where }: OpenListener, caPath: string): string {
  const place =
    where.kind === "socket" ? postgresSocket(where.path) : `host=${where.host} port=${where.port}`;
  const database = `dbname=${plan.database ?? "postgres"} user=agent`;
  if (plan.identity === "ambient") return `psql "${place} ${database}"`;
  const trust = plan.tls === undefined ? `sslmode=verify-full sslrootcert=${caPath}` : "sslmode=verify-full";
  return `PGPASSWORD=$TOKEN psql "${place} ${database} ${trust}"`;
}

function howToKubernetes({ plan, where }: OpenListener, caPath: string): string {
  if (where.kind === "socket") return `connect to ${where.path}`;
  const place = `${where.host}:${where.port}`;
  return plan.tls === undefined
    ? `kubectl --server=http://${place}`
    : `kubectl --server=https://${place} --certificate-authority=${caPath}`;
}

function howToTcp({ where }: OpenListener): string {
  return where.kind === "socket" ? `connect to ${where.path}` : `connect to ${where.host}:${where.port}`;
}

/** libpq is told the folder and the number in the socket's name. */
function postgresSocket(path: string): string {
  const match = /^(.*)\/\.s\.PGSQL\.(\d+)$/.exec(path);
  return match === null ? `host=${path}` : `host=${match[1]} port=${match[2]}`;
}
