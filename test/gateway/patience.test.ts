/** How long a client is waited for: for each step, for all of them together, and for those who get no place. */
import assert from "node:assert/strict";
import { mock, type TestContext, test } from "node:test";
import { PROTOCOL_3_0, sslRequest, startupMessage } from "#core/wire/postgres/startup.ts";
import { type PatienceBounds, openDoorway, openPatience } from "#sidecar/gateway/patience.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { errorOf, Q, rawClient, type WireClient, wireClient } from "#test/postgres/support/wire.ts";
import { startRig } from "./support/in-process.ts";

const BOUNDS: PatienceBounds = { firstMs: 10, stepMs: 20, wholeMs: 50 };

function stage(context: TestContext, outer = new AbortController().signal) {
  mock.timers.enable({ apis: ["setTimeout"] });
  context.after(() => mock.timers.reset());
  const time = { ms: 1_000 };
  const patience = openPatience(outer, BOUNDS, () => time.ms);
  return {
    patience,
    pass(ms: number): boolean {
      time.ms += ms;
      mock.timers.tick(ms);
      return patience.signal.aborted;
    },
  };
}

test("who says nothing has the time of the first word", (context) => {
  const { pass, patience } = stage(context);
  assert.equal(pass(9), false);
  assert.equal(pass(1), true);
  assert.equal((patience.signal.reason as Error).name, "TimeoutError");
});

test("each step that is completed gives time for the next", (context) => {
  const { pass, patience } = stage(context);
  assert.equal(pass(9), false);
  patience.progressed();
  assert.equal(pass(19), false);
  patience.progressed();
  assert.equal(pass(19), false);
  assert.equal(pass(1), true);
});

test("however many there are, all have their bound together", (context) => {
  const { pass, patience } = stage(context);
  for (let count = 0; count < 7; count += 1) {
    assert.equal(pass(7), false);
    patience.progressed();
  }
  assert.equal(pass(1), true);
  patience.progressed();
  assert.equal(pass(0), true);
});

test("what ends sessions ends it with its own reason, and nothing of it is left behind", (context) => {
  const ending = new AbortController();
  const { patience } = stage(context, ending.signal);
  const why = new Error("the session has to end");
  ending.abort(why);
  assert.equal(patience.signal.reason, why);
  patience[Symbol.dispose]();
});

test("at the door there are so many, and the oldest goes when another comes", () => {
  const gone: string[] = [];
  const enter = openDoorway(2);
  const one = (name: string): Disposable => enter({ expire: () => void gone.push(name) });
  one("a");
  const b = one("b");
  assert.deepEqual(gone, []);
  one("c");
  assert.deepEqual(gone, ["a"]);
  b[Symbol.dispose]();
  one("d");
  assert.deepEqual(gone, ["a"]);
  one("e");
  assert.deepEqual(gone, ["a", "c"]);
});

const HALF_OPEN = 300;
const LISTENED_TO = 200;

test("a gateway without a place is not held open by those who ask for one by halves, and tells the others", {
  skip: skipWithoutPostgres(18),
}, async (context) => {
  const rig = await startRig(context, { sessionsMax: 1 });
  const admitted = await wireClient(rig.port);
  // No time passes: whoever goes was made to.
  mock.timers.enable({ apis: ["setTimeout"] });
  context.after(() => mock.timers.reset());
  const clients: WireClient[] = [];
  for (let count = 0; count < HALF_OPEN; count += 1) {
    const client = await rawClient(rig.port);
    client.send(sslRequest().subarray(0, 5));
    clients.push(client);
  }
  const open = (): number => clients.filter(({ socket }) => !socket.destroyed).length;
  await turns(() => open() <= LISTENED_TO);
  const late = await rawClient(rig.port);
  late.send(startupMessage(PROTOCOL_3_0, { user: "agent" }));
  const told = errorOf(await late.until(({ type }) => type === "E"));
  assert.match(told.get("D") ?? "", /LIMIT_GATEWAY/);
  await turns(() => open() === LISTENED_TO - 1);
  assert.equal(await admitted.talk(Q("select 1")), "T D C(SELECT 1) Z(I)");
  for (const client of [...clients, late, admitted]) client.close();
  mock.timers.reset();
});

const TURNS_MS_MAX = 20_000;

/** Until it is so, without a timer. */
async function turns(isSo: () => boolean): Promise<void> {
  const untilMs = performance.now() + TURNS_MS_MAX;
  while (!isSo()) {
    assert.ok(performance.now() < untilMs, `it is not so: ${isSo.toString()}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
