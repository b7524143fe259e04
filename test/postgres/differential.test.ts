/**
 * Whatever a client sends, in whatever order, it hears through the gateway what it would hear from the server. Scripts
 * are made at random from messages that make sense and messages that do not, and played on both.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import fc from "fast-check";
import { serialize } from "pg-protocol";
import type { Obligations } from "#core/policy/decision.ts";
import { startPostgres, type PostgresServer } from "#tools/postgres/server.ts";
import { connect as connectAdmin } from "#tools/postgres/client.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { passwordClient } from "./support/direct.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { B, brief, C, D, E, H, P, Q, S, type WireClient, wireClient } from "./support/wire.ts";

const TEXTS = [
  "select 1",
  "select n from numbers order by n",
  "select generate_series(1, 4)",
  "insert into numbers values (7)",
  "delete from numbers where n = 7 returning n",
  "select 1/0",
  "select * from nowhere",
  "selec",
  "",
  "begin",
  "commit",
  "rollback",
  "savepoint s",
  "rollback to s",
  "set search_path to other, public",
  "set local search_path to other",
  "reset search_path",
  "select n from shared",
  "prepare sp as select n from numbers",
  "execute sp",
  "deallocate sp",
  "discard all",
  "declare c cursor for select generate_series(1, 5)",
  "fetch 2 from c",
  "close c",
  "copy (select 1) to stdout",
  "create table if not exists made (n int)",
  "drop table if exists made",
  "do $$ begin perform 1; end $$",
];
const NAMES = ["", "", "a", "sp", "c"];
const name = fc.constantFrom(...NAMES);
const text = fc.constantFrom(...TEXTS);
const message: fc.Arbitrary<readonly [string, Buffer]> = fc.oneof(
  { weight: 3, arbitrary: text.map((one) => [`Q ${one}`, Q(one)] as const) },
  {
    weight: 1,
    arbitrary: fc.tuple(text, text).map(([one, two]) => [`Q ${one}; ${two}`, Q(`${one}; ${two}`)] as const),
  },
  { weight: 4, arbitrary: fc.tuple(text, name).map(([one, to]) => [`P ${to} ${one}`, P(one, to)] as const) },
  {
    weight: 4,
    arbitrary: fc.tuple(name, name).map(([to, from]) => [`B ${to} ${from}`, B(to, from)] as const),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(name, fc.constantFrom(0, 0, 1))
      .map(([of, rows]) => [`E ${of} ${rows}`, E(of, rows)] as const),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom("S" as const, "P" as const), name)
      .map(([kind, of]) => [`D ${kind} ${of}`, D(kind, of)] as const),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom("S" as const, "P" as const), name)
      .map(([kind, of]) => [`C ${kind} ${of}`, C(kind, of)] as const),
  },
  { weight: 1, arbitrary: fc.constant(["H", H] as const) },
  { weight: 4, arbitrary: fc.constant(["S", S] as const) },
  { weight: 1, arbitrary: fc.constant(["c", serialize.copyDone()] as const) },
);
/** Sent in one go, or in turns of which each waits for the answers of the one before. */
const script = fc.array(fc.array(message, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 5 });

type Script = readonly (readonly (readonly [string, Buffer])[])[];

/** Nothing here takes a second; a script that hangs must become one that differs, so that it can be made smaller. */
const HANG_MS = 20_000;

async function play(client: WireClient, turns: Script): Promise<string[]> {
  const heard: string[] = [];
  for (const turn of turns) {
    client.send(...turn.map(([, bytes]) => bytes), S, Q("select 'the turn is over'"));
    const messages = [];
    for (;;) {
      const more = await Promise.race([client.untilReady(), pause(HANG_MS, [], { ref: false })]);
      messages.push(...more);
      if (more.some(({ bytes }) => bytes.includes("the turn is over") || bytes.includes("25P02"))) break;
      if (more.at(-1)?.type !== "Z") break;
    }
    // When the server reports a change is its own affair; the gateway only hands it on.
    heard.push(brief(messages.filter(({ type }) => type !== "S")));
  }
  client.close();
  return heard;
}

interface Held {
  readonly obligations: Partial<Obligations>;
  /** What is answered otherwise on purpose. */
  readonly except: (turns: Script, heard: readonly string[]) => boolean;
}

/**
 * Of several statements in one string none can be described alone, so while there are masks a string that changes data and
 * holds something nobody can look into is refused as a whole (docs/limits.md).
 */
const refusedAsAWhole = (turns: Script, heard: readonly string[]): boolean =>
  turns.some((turn) => turn.some(([shown]) => shown.includes("; "))) &&
  heard.some((answers) => answers.includes("E(42501)"));

const OBLIGATIONS: Readonly<Record<string, Held>> = {
  "no obligations": { obligations: {}, except: () => false },
  "masks that cover nothing of it": {
    obligations: { mask: [{ schema: "other", table: "secrets", column: "secret", action: "redact" }] },
    except: refusedAsAWhole,
  },
  "limits that are never reached": {
    obligations: { limits: { rows: 1e9, bytes: 1e12 } },
    except: () => false,
  },
};

for (const version of [15, 18] as const)
  describe(`PostgreSQL ${version}`, { skip: skipWithoutPostgres(version) }, () => {
    let server: PostgresServer;
    before(async () => {
      server = await startPostgres({ version, tcp: true });
    });
    after(async () => {
      await server?.[Symbol.asyncDispose]();
    });

    const fresh = async (): Promise<void> => {
      await using admin = await connectAdmin({ socketFolder: server.socketFolder, port: server.port });
      await admin.query(
        "drop table if exists numbers, made, shared; drop schema if exists other cascade; create table numbers as select generate_series(1, 3) as n; create table shared as select 1 as n; create schema other; create table other.shared as select generate_series(1, 2) as n; create table other.secrets (secret text)",
      );
    };
    const kept = async (): Promise<string> => {
      await using admin = await connectAdmin({ socketFolder: server.socketFolder, port: server.port });
      const rows = await admin.query(
        "select n from numbers union all select -1 from pg_class where relname = 'made' order by n",
      );
      return rows.map(({ n }) => n).join();
    };

    for (const [what, { obligations, except }] of Object.entries(OBLIGATIONS))
      test(`the same is heard and kept, with ${what}`, async () => {
        await using gateway: Gateway = await startGateway({
          server,
          obligations,
        });
        await fc.assert(
          fc.asyncProperty(script, async (turns) => {
            await fresh();
            const direct = { heard: await play(await passwordClient(server), turns), kept: await kept() };
            await fresh();
            const through = { heard: await play(await wireClient(gateway.port), turns), kept: await kept() };
            fc.pre(!except(turns, through.heard));
            assert.deepEqual(
              through,
              direct,
              JSON.stringify(turns.map((turn) => turn.map(([shown]) => shown))),
            );
          }),
          { numRuns: fuzzRuns(5), ...fuzzSeed() },
        );
      });
  });
