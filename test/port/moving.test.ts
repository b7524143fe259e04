/** Sessions that lose their broker and go on at another one: what is on record is whole, in the two logs together. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Push } from "#core/port/port.ts";
import { isRefusal, refusal } from "#core/values/refusal.ts";
import {
  assertWhole,
  closed,
  connection,
  dataPlane,
  kindsOf,
  never,
  openSession,
  replica,
  requests,
  shownOf,
  unbroken,
  verified,
} from "./moving-world.ts";
import { asking } from "#test/trail/support.ts";
import { until } from "./until.ts";

test("a session goes on at another broker with its lease and its record, and each log is whole by itself and with the other", async (t) => {
  const [left, right] = [await replica(t, "left"), await replica(t, "right")];
  await Promise.all([left.listen(), right.listen()]);
  await using plane = await dataPlane(left);
  const session = await openSession(plane, unbroken);
  await session.statement("select 1");
  plane.way.to = right;
  await left.stop();
  await session.statement("select 2");
  await until(() => right.broker.asked.some(({ operation }) => operation === "exchange"));
  const renewed = await plane.mover.renew(session.lease, never);
  assert.ok(!isRefusal(renewed));
  assert.equal(renewed.lease, `right/1/${session.id}`);
  assert.deepEqual(requests(right, "exchange"), [{ session: session.id, connection, user: "app" }]);
  assert.equal(await session.recorder.recordStrictly(closed), undefined);
  await left.trail.declareLost(session.id, never);

  const set = await verified(left, right);
  assertWhole(set);
  assert.equal(set.moved, 1);
  assert.deepEqual(await kindsOf(left, session.id), ["session.open", "requests", "session.lost"]);
  const there = await kindsOf(right, session.id);
  assert.equal(there[0], "session.moved");
  assert.equal(there.at(-1), "session.close");
  assert.deepEqual(there.slice(1, -1).sort(), ["credential", "requests"]);
  assert.deepEqual(
    set.trails.map(({ texts }) => texts),
    [
      { opened: 1, closed: 0 },
      { opened: 1, closed: 0 },
    ],
  );
});

test("a broker that was started again is told of its sessions again, and their record goes on in the same log", async (t) => {
  const left = await replica(t, "left");
  await left.listen();
  await using plane = await dataPlane(left);
  const session = await openSession(plane, unbroken);
  await session.statement("select 1");
  await left.restart();
  await session.statement("select 2");
  await until(() => requests(left, "exchange").length === 2);
  let renewed = await plane.mover.renew(session.lease, never);
  // Until the answer has come, nobody can say.
  while (isRefusal(renewed)) renewed = await plane.mover.renew(session.lease, never);
  assert.equal(renewed.lease, `left/2/${session.id}`);
  assert.deepEqual(requests(left, "exchange").at(-1), { session: session.id, connection, user: "app" });
  assert.equal(await session.recorder.recordStrictly(closed), undefined);
  assertWhole(await verified(left));
  const kinds = await kindsOf(left, session.id);
  assert.deepEqual(
    kinds.filter((kind) => kind !== "credential"),
    ["session.open", "requests", "requests", "session.close"],
  );
});

test("a lease that nobody could take back any more is asked for at the next broker, and given back there", async (t) => {
  const [left, right] = [await replica(t, "left"), await replica(t, "right")];
  await left.listen();
  await using plane = await dataPlane(left);
  const session = await openSession(plane, unbroken);
  plane.way.to = right;
  await left.stop();
  const closing = session.recorder.recordStrictly(closed);
  await plane.mover.release(session.lease, AbortSignal.timeout(50)).catch(() => undefined);
  await right.listen();
  await closing;
  await until(() => requests(right, "release").length > 0);
  assert.deepEqual(requests(right, "exchange"), [{ session: session.id, connection, user: "app" }]);
  assert.deepEqual(requests(right, "release").at(-1), { lease: `right/1/${session.id}` });
  assertWhole(await verified(left, right));
});

test("what the lost broker had stored without telling stands in both logs, and that is known", async (t) => {
  const [left, right] = [await replica(t, "left"), await replica(t, "right")];
  await Promise.all([left.listen(), right.listen()]);
  await using plane = await dataPlane(left);
  const session = await openSession(plane, unbroken);
  await session.statement("select 1");
  left.isMute = true;
  const waiting = [session.statement("select 2"), session.statement("select 3")];
  await until(() => left.broker.asked.filter(({ operation }) => operation === "append").length >= 3);
  plane.way.to = right;
  await left.stop();
  await Promise.all(waiting);
  assert.equal(await session.recorder.recordStrictly(closed), undefined);
  assertWhole(await verified(left, right));
  const requests = (await kindsOf(right, session.id)).filter((kind) => kind === "requests");
  assert.equal(requests.length, 2, "none is missing in the second log");
});

test("reads that have gathered go on too, each whole text with the digest that the other log's key makes of it", async (t) => {
  const [left, right] = [await replica(t, "left"), await replica(t, "right")];
  await Promise.all([left.listen(), right.listen()]);
  await using plane = await dataPlane(left);
  const { recorder, id } = await openSession(plane, unbroken);
  left.isMute = true;
  // Those that are on their way are sealed; the last ones gather still.
  for (const [number, text] of ["select 1", "select 2", "select 1", "x".repeat(2 ** 20 + 1)].entries())
    recorder.ask({ ...asking(number), text: Buffer.from(text) });
  await until(() => left.broker.asked.filter(({ operation }) => operation === "append").length >= 2);
  for (const [number, text] of ["select 3", "select 1", "select 3"].entries())
    recorder.ask({ ...asking(4 + number), text: Buffer.from(text) });
  recorder.answer(0, { ended: "complete", rows: 1, bytes: 1, maskedValues: 0 });
  plane.way.to = right;
  await left.stop();
  assert.equal(await recorder.recordStrictly(closed), undefined);
  const set = await verified(left, right);
  assertWhole(set);
  assert.ok((set.trails[1]?.texts.opened ?? 0) > 0, "the verifier has compared them");
  const asked = (await shownOf(right, id)).filter(({ kind }) => kind === "request" || kind === "result");
  assert.deepEqual(asked.map(({ kind, request }) => `${String(kind)} ${String(request)}`).sort(), [
    ...[0, 1, 2, 3, 4, 5, 6].map((number) => `request ${number}`),
    "result 0",
  ]);
});

test("it comes back to the first broker, and on from there, again and again", async (t) => {
  const [left, right] = [await replica(t, "left"), await replica(t, "right")];
  await left.listen();
  await using plane = await dataPlane(left);
  const session = await openSession(plane, unbroken);
  let [here, there] = [left, right];
  for (let turn = 0; turn < 6; turn += 1) {
    await session.statement(`select ${turn}`);
    here.isMute = turn % 2 === 1;
    const waiting = session.statement(`select ${turn} /* not told */`);
    if (here.isMute) await until(() => here.broker.asked.at(-1)?.operation === "append");
    await there.listen();
    plane.way.to = there;
    await here.stop();
    await waiting;
    here.isMute = false;
    [here, there] = [there, here];
  }
  assert.equal(await session.recorder.recordStrictly(closed), undefined);
  assertWhole(await verified(left, right));
});

test("where the other broker has another user for it, a session keeps what it has until that ends; the new lease is given back", async (t) => {
  const [left, right] = [await replica(t, "left"), await replica(t, "right")];
  right.user = "somebody-else";
  await Promise.all([left.listen(), right.listen()]);
  await using plane = await dataPlane(left);
  const session = await openSession(plane, unbroken);
  plane.way.to = right;
  await left.stop();
  await until(() => right.broker.asked.some(({ operation }) => operation === "release"));
  const renewed = await plane.mover.renew(session.lease, never);
  assert.ok(isRefusal(renewed) && renewed.code === "BROKER_UNREACHABLE");
  await session.statement("select 1");
});

test("a session that the other broker refuses ends, with that one's reason; what may pass is asked again", async (t) => {
  const [left, right] = [await replica(t, "left"), await replica(t, "right")];
  await Promise.all([left.listen(), right.listen()]);
  await using plane = await dataPlane(left);
  const pushes: Push[] = [];
  plane.mover.subscribe((push) => pushes.push(push), never);
  const broken: string[] = [];
  const session = await openSession(plane, (code) => broken.push(code));
  let asked = 0;
  right.broker.script.identify = async () => {
    asked += 1;
    return refusal(asked === 1 ? "POD_UNCHECKED" : "POD_ENDED");
  };
  plane.way.to = right;
  await left.stop();
  await until(() => pushes.length > 0);
  assert.deepEqual(pushes, [{ kind: "revoked", session: session.id, refusal: refusal("POD_ENDED") }]);
  assert.deepEqual(broken, ["POD_ENDED"]);
  assert.equal(asked, 2);
});

test("a log that says of another what that one does not hold is found out", async (t) => {
  const [left, right] = [await replica(t, "left"), await replica(t, "right")];
  await Promise.all([left.listen(), right.listen()]);
  await using plane = await dataPlane(left);
  const session = await openSession(plane, unbroken);
  plane.way.to = right;
  await left.stop();
  await session.statement("select 1");
  assertWhole(await verified(left, right));
  const alone = await verified(right);
  assert.deepEqual(alone.findings, []);
  assert.match(alone.notices[0]?.text ?? "", /log of broker left is not among these/);
  // Another log of the same broker, as one would have that was written anew.
  const forged = await replica(t, "left");
  const [finding] = (await verified(forged, right)).findings;
  assert.equal(finding?.code, "moved");
  assert.match(finding.text, /does not hold event 0/);
});
