/** Exchanges of messages that drivers seldom make and pipelines often break on; what is heard is compared word for word. */
import { cstring, message } from "#core/wire/postgres/fields.ts";
import { B, brief, C, D, E, H, P, Q, S, type WireClient, wireClient } from "#test/postgres/support/wire.ts";
import type { Outcomes } from "./outcomes.ts";
import type { Way } from "./ways.ts";

const d = (text: string): Buffer => message("d", Buffer.from(text));
const COPY_DONE = message("c");
const copyFail = (why: string): Buffer => message("f", cstring(why));
const COPY_IN = "copy numbers from stdin";

/** Sent at once, in one write; what is heard up to as many ReadyForQuery as the direct server answers with. */
const EXCHANGES: Readonly<Record<string, { readonly readies: number; readonly send: readonly Buffer[] }>> = {
  "empty query": { readies: 1, send: [Q("")] },
  "several results": { readies: 1, send: [Q("select 1; select 2 where false; ; select 3")] },
  "error in the middle of a text": { readies: 1, send: [Q("select 1; select 1/0; select 3")] },
  "pipeline of queries": { readies: 3, send: [Q("select 1"), Q("selec"), Q("select 3")] },
  "pipeline without Sync": { readies: 1, send: [P("select 1"), B(), E(), P("select 2"), B(), E(), S] },
  "error skips to Sync": { readies: 2, send: [P("select 1/0"), B(), E(), P("select 2"), B(), E(), S, S] },
  "Flush shows what is ready": { readies: 1, send: [P("select 1"), H, B(), H, D("P"), E(), H, S] },
  "named statement, twice": {
    readies: 2,
    send: [P("select 1", "one"), B("", "one"), E(), S, P("select 2", "one"), S],
  },
  "portal in parts": {
    readies: 1,
    send: [P("select generate_series(1, 5)"), B(), E("", 2), E("", 2), E("", 2), S],
  },
  "portal ends with its transaction": { readies: 2, send: [P("select 1"), B("p"), S, E("p"), S] },
  "describe, then close": {
    readies: 1,
    send: [P("select $1::int", "s"), D("S", "s"), C("S", "s"), D("S", "s"), S],
  },
  "parameters that do not fit": { readies: 1, send: [P("select $1::int"), B("", "", ["x"]), E(), S] },
  "binary result": { readies: 1, send: [P("select 1::int8"), B("", "", [], true), E(), S] },
  "COPY in": { readies: 1, send: [Q(COPY_IN), d("1\n"), d("2\n3"), d("\n"), COPY_DONE] },
  "COPY in that the client gives up": { readies: 1, send: [Q(COPY_IN), d("1\n"), copyFail("no more")] },
  "COPY in of what does not fit": { readies: 1, send: [Q(COPY_IN), d("x\n"), COPY_DONE] },
  "COPY in twice in one text": {
    readies: 1,
    send: [Q(`${COPY_IN}; ${COPY_IN}`), d("7\n"), COPY_DONE, d("8\n"), COPY_DONE],
  },
  "COPY in by the extended protocol": { readies: 1, send: [P(COPY_IN), B(), E(), d("4\n"), COPY_DONE, S] },
  "Flush and Sync are read over in a COPY": { readies: 1, send: [Q(COPY_IN), H, S, d("5\n"), COPY_DONE] },
  "COPY out": { readies: 1, send: [Q("copy (select generate_series(1, 3)) to stdout")] },
  "COPY out in binary": { readies: 1, send: [Q("copy (select 1) to stdout (format binary)")] },
  "COPY data outside of a COPY": { readies: 1, send: [d("1\n"), COPY_DONE, Q("select 1")] },
  "aborted transaction": { readies: 4, send: [Q("begin"), Q("select 1/0"), Q("select 1"), Q("rollback")] },
  savepoint: {
    readies: 4,
    send: [Q("begin; savepoint s"), Q("select 1/0"), Q("rollback to s"), Q("commit")],
  },
  cursor: {
    readies: 1,
    send: [
      Q(
        "begin; declare c cursor for select generate_series(1, 5); fetch 2 from c; move 1 in c; fetch all from c; commit",
      ),
    ],
  },
  "notices in order": {
    readies: 1,
    send: [Q("do $$ begin raise notice 'a'; raise warning 'b'; raise notice 'c'; end $$; select 1")],
  },
  "notification to oneself": {
    readies: 3,
    send: [Q("listen channel"), Q("notify channel, 'payload'"), Q("select 1")],
  },
  "settings that are reported": {
    readies: 2,
    send: [Q("set datestyle to german; set timezone to 'UTC'"), Q("reset all")],
  },
  "function by its number": {
    readies: 1,
    send: [Buffer.from([0x46, 0, 0, 0, 14, 0, 0, 0x04, 0x2a, 0, 0, 0, 0, 0, 0])],
  },
  "another encoding": {
    readies: 3,
    send: [Q("set client_encoding to latin1"), Q("select chr(233)"), Q("reset client_encoding")],
  },
  "strings of the old kind": {
    readies: 2,
    send: [Q("set standard_conforming_strings to off"), Q("select '\\n'")],
  },
  "DISCARD ALL": { readies: 3, send: [P("select 1", "kept"), S, Q("discard all"), B("", "kept"), S] },
  "a large value": { readies: 1, send: [Q("select repeat('x', 3000000)")] },
  "many rows": { readies: 1, send: [Q("select generate_series(1, 20000)")] },
};

export async function runExchanges(way: Way): Promise<Outcomes> {
  const port = way.portFor(process.getuid?.() ?? -1);
  const outcomes = new Map<string, string>();
  for (const [name, { readies, send }] of Object.entries(EXCHANGES)) {
    const client = await wireClient(port, { parameters: { user: "postgres", client_encoding: "UTF8" } });
    await client.talk(Q("create temp table numbers (n int)"));
    client.send(...send);
    outcomes.set(name, await heard(client, readies));
    client.close();
  }
  return outcomes;
}

/** Every message as it came, but for what each process and release says of itself. */
async function heard(client: WireClient, readies: number): Promise<string> {
  const messages = [];
  for (let count = 0; count < readies; count += 1) messages.push(...(await client.untilReady()));
  const words = messages.map((each) => {
    // A notification names the process that sent it.
    const bytes = each.type === "A" ? each.bytes.subarray(9) : each.bytes.subarray(5);
    return `${brief([each])} ${bytes.length > 200 ? bytes.length : bytes.toString("latin1")}`;
  });
  return words.join("\n");
}
