/** A real server, a gateway in front of it with the live catalog, and ways to ask both. */
import type { ColumnMask } from "#core/policy/decision.ts";
import type { CatalogSettings } from "#sidecar/protocols/postgres/catalog/settings.ts";
import { databaseCatalogs, type DatabaseCatalogs } from "#sidecar/protocols/postgres/catalog/catalogs.ts";
import type { PostgresVersion } from "#tools/postgres/binaries.ts";
import { connect, type Session } from "#tools/postgres/client.ts";
import { type PostgresServer, startPostgres } from "#tools/postgres/server.ts";
import {
  type Gateway,
  type GatewayOptions,
  type Judge,
  startGateway,
} from "#test/postgres/support/gateway.ts";
import {
  errorOf,
  type Message,
  Q,
  valuesOf,
  type WireClient,
  wireClient,
} from "#test/postgres/support/wire.ts";

export interface World extends AsyncDisposable {
  readonly server: PostgresServer;
  readonly admin: Session;
  readonly catalogs: DatabaseCatalogs;
  gateway(options?: Partial<GatewayOptions>): Promise<Gateway>;
  client(options?: Partial<GatewayOptions>): Promise<WireClient>;
}

export async function openWorld(
  version: PostgresVersion,
  setup: string,
  settings: Partial<CatalogSettings> = {},
): Promise<World> {
  await using opening = new AsyncDisposableStack();
  const server = opening.use(await startPostgres({ version, tcp: true }));
  const admin = opening.use(await connect(server));
  await admin.query(setup);
  const catalogs = opening.use(databaseCatalogs(settings));
  const open = opening.move();
  const gateway = async (options: Partial<GatewayOptions> = {}): Promise<Gateway> =>
    open.use(await startGateway({ server, catalogs, ...options }));
  return {
    server,
    admin,
    catalogs,
    gateway,
    async client(options) {
      const { port } = await gateway(options);
      const client = await wireClient(port);
      open.defer(() => client.close());
      return client;
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

export const mask = (name: string, action: ColumnMask["action"] = "redact"): ColumnMask => {
  const [schema = "", table = "", column = ""] = name.split(".");
  return { schema, table, column, action };
};

/** What a simple query gives: its rows, or the refusal's DETAIL and the error's text. */
export async function ask(client: WireClient, text: string): Promise<string> {
  client.send(Q(text));
  return told(await client.untilReady());
}

export function told(messages: readonly Message[]): string {
  const error = errorOf(messages);
  if (error.size > 0) return `${error.get("C")} ${error.get("M")}`;
  const rows = messages.filter(({ type }) => type === "D").map(valuesOf);
  return rows.map((row) => row.map((value) => value ?? "NULL").join(",")).join(" | ");
}

/** What a text is found to use that is not known to be harmless, and the relations that it touches. */
export interface Judged {
  readonly calls: readonly string[];
  readonly relations: readonly string[];
  readonly doubts: readonly string[];
}

/** A judge that lets everything pass and remembers the last statement that it saw. */
export function recorder(): { readonly judge: Judge; last(): Judged } {
  let last: Judged = { calls: [], relations: [], doubts: [] };
  return {
    judge({ calls, accesses, doubts }) {
      last = {
        calls: calls.map(({ kind, schemas, name }) => `${kind} ${schemas.join("|")}.${name}`),
        relations: accesses.flatMap(({ relation }) =>
          relation ? `${relation.schema}.${relation.name}` : [],
        ),
        doubts: doubts.map(({ code, text }) => `${code} ${text}`),
      };
      return undefined;
    },
    last: () => last,
  };
}
