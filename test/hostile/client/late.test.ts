/**
 * A decision that takes a while (a person is asked, or the record is slow) and a policy that changes meanwhile: what may not
 * run any more when its turn has come does not run, and what is masked by then is masked.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openAnalyst } from "#sidecar/statements/analyst.ts";
import { ModelServer } from "#test/fuzz/model/server.ts";
import { loadEngine, openEngine } from "#test/fuzz/mirror/engine.ts";
import { STOCK } from "#test/fuzz/mirror/play.ts";
import { RecordingTap } from "#test/fuzz/mirror/tap.ts";
import { inWords, Messages } from "#test/fuzz/wire.ts";
import { B, D, E, P, Q, S } from "#test/postgres/support/wire.ts";

const PEOPLE = "select n, secret, pin from people order by n";

/** Promises that are kept by nobody but themselves need so many. */
const IDLE_TURNS = 4;

/** The engine before a model of PostgreSQL. Every decision and every look at a result waits for `settle`. */
async function startSession(masks: boolean) {
  const analyst = openAnalyst();
  await analyst.analyse("select 1", STOCK);
  const tap = new RecordingTap(masks, () => true);
  const ran: string[] = [];
  const upstream = new ModelServer({
    refuses: undefined,
    masks: false,
    onRun: (text) => void ran.push(text),
  });
  const engine = openEngine(await loadEngine(), {
    tap,
    analyse: (text, context) => analyst.analyse(text, context),
    actions: (found) => tap.later(found),
    onCancel: () => Promise.resolve(),
    isPathReported: true,
  });
  const [toUpstream, toClient] = [new Messages(), new Messages()];
  const heard: Buffer[] = [];
  const carry = async (): Promise<void> => {
    for (let idle = 0; idle < IDLE_TURNS; idle += 1) {
      for (const message of engine.takeForUpstream().flatMap((bytes) => toUpstream.add(bytes))) {
        idle = 0;
        for (const answer of upstream.take(message)) engine.fromUpstream(answer);
      }
      heard.push(...engine.takeForClient().flatMap((bytes) => toClient.add(bytes)));
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return {
    tap,
    engine,
    ran,
    async say(...messages: readonly Buffer[]): Promise<void> {
      engine.fromClient(Buffer.concat(messages));
      await carry();
    },
    /** What was waited for is there, one after the other, until nothing is waited for. */
    async settle(): Promise<void> {
      for (; tap.isAwaited; await carry()) tap.answer();
    },
    heard: () => heard.splice(0),
    [Symbol.asyncDispose]: () => analyst[Symbol.asyncDispose](),
  };
}
type Session = Awaited<ReturnType<typeof startSession>>;

interface Way {
  /** Decided and over before the attack. */
  readonly before?: readonly Buffer[];
  readonly attack: readonly Buffer[];
  readonly refused: string;
}

const DELETE = "delete from kept where n = 3 returning n";
const WAYS: Readonly<Record<string, Way>> = {
  "a Query": { attack: [Q(DELETE)], refused: "E(42501) Z(I)" },
  "a Parse": {
    attack: [P(DELETE), B(), E(), S],
    refused: "E(42501) Z(I)",
  },
  "an Execute of what was prepared": {
    before: [P(DELETE, "a"), B("", "a"), E(), S],
    attack: [B("", "a"), E(), B("", "a"), E(), S],
    refused: "2 E(42501) Z(I)",
  },
};

const inShort = (messages: readonly Buffer[]): string =>
  messages.map((message) => inWords(message)).join(" ");

for (const [what, { before, attack, refused }] of Object.entries(WAYS)) {
  const play = async (session: Session, change: () => void): Promise<void> => {
    await session.say(...(before ?? []));
    await session.settle();
    session.heard();
    session.ran.length = 0;
    await session.say(...attack);
    assert.deepEqual(session.ran, []);
    change();
    await session.settle();
  };

  test(`${what} waits for its decision, and is refused meanwhile: it does not run`, async () => {
    await using session = await startSession(false);
    await play(session, () => {
      session.tap.refuses = ["delete"];
      session.engine.changed();
    });
    assert.deepEqual(session.ran, []);
    assert.equal(inShort(session.heard()), refused);
    assert.deepEqual(session.engine.failures, []);
  });

  test(`${what} waits for its decision, and something else changes: it runs`, async () => {
    await using session = await startSession(false);
    await play(session, () => {
      session.tap.refuses = ["insert"];
      session.engine.changed();
    });
    assert.ok(session.ran.length > 0);
  });
}

for (const [what, asked] of Object.entries({
  "a Query": [Q(PEOPLE)],
  "an Execute": [P(PEOPLE), B(), D("P"), E(), S],
}))
  test(`the masks of ${what} are looked up while there come to be more: all of them hold`, async () => {
    await using session = await startSession(true);
    const all = session.tap.obligations;
    session.tap.obligations = { ...all, mask: all.mask.filter(({ column }) => column === "pin") };
    session.engine.changed();
    await session.say(...asked);
    for (let steps = 0; session.tap.isAwaited && steps < 2; steps += 1) {
      // First the decision; what a result shows is asked for then.
      if (steps === 1) {
        session.tap.obligations = all;
        session.engine.changed();
      }
      session.tap.answer();
      await session.say();
    }
    await session.settle();
    const heard = session.heard();
    assert.match(inShort(heard), /D\(/);
    assert.doesNotMatch(inShort(heard), /of-ann|of-bob/);
  });
