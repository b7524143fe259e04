/** One real server of each version for all traps, and gateways in front of it: without a policy, with one, with masks. */
import assert from "node:assert/strict";
import { createSecureContext } from "node:tls";
import type { PostgresVersion } from "#tools/postgres/binaries.ts";
import { connect, type Session } from "#tools/postgres/client.ts";
import { type PostgresServer, startPostgres } from "#tools/postgres/server.ts";
import { databaseCatalogs } from "#sidecar/protocols/postgres/catalog/catalogs.ts";
import { mask, told } from "#test/catalog/support/world.ts";
import { passwordClient } from "#test/postgres/support/direct.ts";
import {
  allowAll,
  denyForbidden,
  type Gateway,
  type GatewayOptions,
  startGateway,
} from "#test/postgres/support/gateway.ts";
import { brief, type Message, Q, type WireClient, wireClient } from "#test/postgres/support/wire.ts";
import { type Authority, type Certificate, makeAuthority } from "#test/support/certificates.ts";

/** Part of every masked value, in whatever form it leaves. */
export const CANARY = /canary/i;

const SETUP = `
  create table people (id int primary key, email text, city text);
  insert into people values (1, 'Canary-1@x', 'Riga'), (2, 'Canary-2@x', 'Oslo');
  create table plain (id int, email text);
  insert into plain values (1, 'open@x'), (2, 'open@y');
  create table copied as select id, city, 'a,b' as odd from people;
  create table kept (n int);
  create table deferred (id int, email text unique deferrable initially deferred);
  insert into deferred select id, email from people;
  create table parents (id int primary key);
  insert into parents values (1), (2);
  create table kids (email text, parent int not null references parents on delete set null);
  insert into kids values ('Canary-4', 1);
  create table converted (n int);
  create function converting() returns trigger language plpgsql as $$
    begin perform (select min(email) from people)::int; return new; end $$;
  create trigger converting after insert on converted for each row execute function converting();
  create function tell() returns int language plpgsql as $$
    begin raise notice 'it is %', (select min(email) from people); return 1; end $$;
  create function fail(state text) returns int language plpgsql as $$
    begin raise exception 'it is %', (select min(email) from people) using errcode = state; end $$;
  create table watched (n int);
  create function told_of() returns trigger language plpgsql as $$
    begin raise notice 'it is %', (select min(email) from people);
      perform pg_notify('heard', (select min(email) from people)); return new; end $$;
  create trigger telling after insert on watched for each row execute function told_of();
  create table forbidden (secret text);
  insert into forbidden values ('Canary-3');`;

export interface Stage extends AsyncDisposable {
  readonly version: PostgresVersion;
  readonly server: PostgresServer;
  readonly admin: Session;
  readonly authority: Authority;
  readonly certificate: Certificate;
  /** Lets everything pass. */
  readonly open: Gateway;
  /** Refuses what touches the table `forbidden`, and what nobody can tell the meaning of. */
  readonly strict: Gateway;
  /** Masks the column `email` of `people`, `deferred` and `kids`. */
  readonly masked: Gateway;
  gateway(options?: Partial<GatewayOptions>): Promise<Gateway>;
  /** The server itself, without a gateway. */
  direct(): Promise<WireClient>;
  client(gateway: Gateway): Promise<WireClient>;
}

export async function openStage(version: PostgresVersion): Promise<Stage> {
  await using opening = new AsyncDisposableStack();
  const authority = makeAuthority();
  const certificate = authority.issue("DNS:localhost", "IP:127.0.0.1");
  const server = opening.use(await startPostgres({ version, tcp: true, tls: certificate }));
  const admin = opening.use(await connect(server));
  await admin.query(SETUP);
  const catalogs = opening.use(databaseCatalogs({}));
  const start = (options: Partial<GatewayOptions>): Promise<Gateway> =>
    startGateway({ server, catalogs, ...options });
  const open = opening.use(await start({ judge: allowAll }));
  const strict = opening.use(
    await start({ judge: (facts, text) => denyForbidden(facts, text) ?? facts.doubts[0]?.text }),
  );
  const masked = opening.use(
    await start({
      obligations: { mask: ["people", "deferred", "kids"].map((table) => mask(`public.${table}.email`)) },
    }),
  );
  const all = opening.move();
  const owned = (client: WireClient): WireClient => {
    all.defer(() => client.close());
    return client;
  };
  return {
    version,
    server,
    admin,
    authority,
    certificate,
    open,
    strict,
    masked,
    gateway: async (options = {}) => all.use(await start(options)),
    direct: async () => owned(await passwordClient(server)),
    client: async ({ port }) => owned(await wireClient(port)),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

export const tlsOf = ({ certificate }: Stage): ReturnType<typeof createSecureContext> =>
  createSecureContext({ cert: certificate.certPem, key: certificate.keyPem });

/** Sends, and gives back what was heard up to the last ReadyForQuery that is due. */
export async function hear(client: WireClient, ...messages: readonly Buffer[]): Promise<Message[]> {
  client.send(...messages);
  const heard: Message[] = [];
  for (const message of messages)
    if ("QSF".includes(String.fromCharCode(message[0] ?? 0))) heard.push(...(await client.untilReady()));
  return heard;
}

/** The rows, or the first error, as one line. */
export async function answered(client: WireClient, ...messages: readonly Buffer[]): Promise<string> {
  return told(await hear(client, ...messages));
}

export type Step = readonly Buffer[];

/** Says the same to a gateway and to the server itself, and hears the same. */
export async function asDirect(stage: Stage, gateway: Gateway, ...steps: readonly Step[]): Promise<string[]> {
  const play = async (client: WireClient): Promise<string[]> => {
    const lines: string[] = [];
    for (const step of steps) {
      const heard = await hear(client, ...step);
      lines.push(`${brief(heard)} ${told(heard)}`);
    }
    client.close();
    return lines;
  };
  const straight = await play(await stage.direct());
  assert.deepEqual(await play(await stage.client(gateway)), straight);
  return straight;
}

/** One session for all who only ask, for a login costs more than most questions. */
const askers = new WeakMap<Stage, Promise<WireClient>>();

async function asker(stage: Stage): Promise<WireClient> {
  let known = askers.get(stage);
  if (known === undefined) askers.set(stage, (known = stage.client(stage.masked)));
  const client = await known;
  // As it was when it began.
  await hear(client, Q("rollback"), Q("discard all"));
  return client;
}

/** Takes the steps and never hears a masked value; answers the last line. */
export async function shownNothing(stage: Stage, ...steps: readonly Step[]): Promise<string> {
  const client = await asker(stage);
  let last = "";
  for (const step of steps) {
    const heard = await hear(client, ...step);
    const bytes = Buffer.concat(heard.map((message) => message.bytes)).toString("latin1");
    assert.doesNotMatch(bytes, CANARY, step.map((message) => message.toString("latin1")).join());
    last = told(heard);
  }
  return last;
}
