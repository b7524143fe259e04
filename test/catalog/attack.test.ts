/**
 * What an agent sees must not depend on what is masked: the same statements over two tables that differ in nothing but the
 * masked column are answered with the same bytes. And what is masked in one table must not be in the way in another.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { passwordClient } from "#test/postgres/support/direct.ts";
import { brief, errorOf, type Message, Q, type WireClient } from "#test/postgres/support/wire.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { type Form, forms } from "./support/forms.ts";
import { mask, openWorld, type World } from "./support/world.ts";

const SECRETS = ["kanarie-1f3a", "Zebra/7e-and longer"] as const;

const tables = (prefix: string): string => `
  create table ${prefix}people (id int, email text, city text);
  create view ${prefix}people_view as select * from ${prefix}people;
  create table ${prefix}people_parent (id int, email text, city text);
  create table ${prefix}people_child () inherits (${prefix}people_parent);`;
const SETUP = `${tables("")}${tables("public_")}
  create view view_of_view as select id, city, email from people_view;
  create view public_view as select id, city, email from public_people_view;
  create table one (id int, word text);
  insert into one values (1, 'only');`;

/** Loaded anew, so that even places of rows are the same. */
const load = (secret: string): string => `
  truncate people, people_parent, public_people, public_people_parent;
  insert into people values (1, '${secret}', 'Riga'), (2, '${secret}!', 'Oslo');
  insert into people_child select * from people;
  insert into public_people values (1, 'open', 'Riga'), (2, 'open!', 'Oslo');
  insert into public_people_child select * from public_people;`;

const MASKS = [mask("public.people.email"), mask("public.people_child.email", "nullify")];
const BATCH = 25;

async function answers(client: WireClient, texts: readonly string[]): Promise<Message[][]> {
  const all: Message[][] = [];
  for (let at = 0; at < texts.length; at += BATCH) {
    const batch = texts.slice(at, at + BATCH);
    client.send(...batch.map(Q));
    for (const text of batch) {
      const heard = await client.untilReady();
      assert.equal(
        heard.at(-1)?.type,
        "Z",
        `the session ended: ${text}: ${brief(heard)} ${errorOf(heard).get("M")}`,
      );
      all.push(heard);
    }
  }
  return all;
}

const bytesOf = (messages: readonly Message[]): string =>
  Buffer.concat(messages.map(({ bytes }) => bytes)).toString("latin1");
/**
 * Whether a value leads to an error, which, and in which order rows come tells of it, as every condition does: that limit is
 * written down. The words of an error and the bytes of a row must not.
 */
function shownBy(messages: readonly Message[]): string {
  const error = errorOf(messages);
  const rows = messages.filter(({ type }) => type === "D").map(({ bytes }) => bytes.toString("latin1"));
  const others = messages.filter(({ type }) => type !== "D" && type !== "E");
  if (WITHHELD.test(error.get("M") ?? "") && !isUnresolved(messages))
    for (const letter of "DHWqp") assert.equal(error.get(letter), undefined, letter);
  if (WITHHELD.test(error.get("M") ?? "")) return "stopped";
  return [bytesOf(others), ...rows.sort(), ...error.values()].join("\n");
}

const WITHHELD = /the text of this message is withheld|could show a masked column/;
const isUnresolved = (messages: readonly Message[]): boolean =>
  errorOf(messages).get("M")?.includes("could show a masked column") === true;

for (const version of [15, 18] as const)
  describe(`PostgreSQL ${version}`, { skip: skipWithoutPostgres(version) }, () => {
    let world: World;
    let client: WireClient;
    let chosen: Form[];
    before(async () => {
      world = await openWorld(version, SETUP);
      client = await world.client({ obligations: { mask: MASKS } });
      const all = forms();
      const picks = fc.sample(fc.integer({ min: 0, max: all.length - 1 }), {
        numRuns: fuzzRuns(250),
        ...fuzzSeed(),
      });
      chosen = [...new Set(picks)].flatMap((index) => all[index] ?? []);
    });
    after(() => world?.[Symbol.asyncDispose]());

    test("no answer depends on a masked value", async (t) => {
      const texts = chosen.map(({ text }) => text);
      const seen: Message[][][] = [];
      for (const secret of SECRETS) {
        await world.admin.query(load(secret));
        seen.push(await answers(client, texts));
      }
      const [first = [], second = []] = seen;
      for (const [index, text] of texts.entries()) {
        const [one, other] = [first[index] ?? [], second[index] ?? []];
        for (const secret of SECRETS)
          for (const heard of [one, other]) assert.ok(!bytesOf(heard).includes(secret), text);
        assert.equal(shownBy(one), shownBy(other), text);
      }
      const refused = first.filter(isUnresolved).length;
      const shown = first.filter((heard) => errorOf(heard).size === 0).length;
      t.diagnostic(`figure catalog.attack.${version}.forms=${texts.length}`);
      t.diagnostic(`figure catalog.attack.${version}.refused=${refused}`);
      t.diagnostic(`figure catalog.attack.${version}.shown=${shown}`);
      assert.ok(shown > 0 && refused > 0);
    });

    test("the same over a table without masks is answered as without a gateway", async () => {
      await world.admin.query(load(SECRETS[0]));
      const direct = await passwordClient(world.server);
      const texts = chosen.map(({ twin }) => twin);
      const through = await answers(client, texts);
      const straight = await answers(direct, texts);
      direct.close();
      for (const [index, text] of texts.entries()) {
        const [one, other] = [through[index] ?? [], straight[index] ?? []];
        assert.ok(!isUnresolved(one), text);
        if (errorOf(other).size > 0) assert.equal(brief(one), brief(other), text);
        else assert.equal(bytesOf(one), bytesOf(other), text);
      }
    });
  });
