/** What may be done while a session opens: the upstream is dialled ahead of the record of the lease, and nothing is proved ahead of it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, type Socket, connect, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { connected, refusedWith, rows } from "./support/clients.ts";
import { Door, diskBehind } from "./support/door.ts";
import { type Rig, sharedUpstream, startRig, until } from "./support/in-process.ts";

const real = { skip: skipWithoutPostgres(18) };

interface Heard {
  readonly port: number;
  connections: number;
  /** All that came from the gateway. */
  text: string;
}

/** Passes everything on to the server, and keeps what it heard. */
async function listenIn(context: TestContext, serverPort: number): Promise<Heard> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    heard.connections += 1;
    const far = connect(serverPort, "127.0.0.1");
    for (const socket of [near, far]) sockets.add(socket.on("error", () => undefined));
    near.on("data", (chunk: Buffer) => {
      heard.text += chunk.toString("latin1");
    });
    near.pipe(far).pipe(near);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const heard: Heard = { port: (server.address() as AddressInfo).port, connections: 0, text: "" };
  return heard;
}

const STARTED = /application_name\0sallyport:/;
const ASKED_FOR_A_PROOF = /SCRAM-SHA-256\0/;
const PROVED = /,p=/;

interface HeldRig extends Rig {
  readonly door: Door;
  readonly heard: Heard;
}

/** The trail takes everything but that there is a lease, which waits at the door. */
async function rigWithDoor(context: TestContext, more: object, trailWaitMs: number): Promise<HeldRig> {
  const door = new Door();
  context.after(() => door.open());
  const heard = await listenIn(context, (await sharedUpstream()).port);
  const disk = diskBehind(door, (bytes) => Buffer.from(bytes).includes('"leased"'));
  const rig = await startRig(context, { disk, trailWaitMs, upstreamPort: heard.port, connection: more });
  return Object.assign(rig, { door, heard });
}

test("nothing is proved before it is on disk that there is a lease", real, async (context) => {
  const rig = await rigWithDoor(context, {}, 60_000);
  const { door, heard } = rig;
  door.shut();
  const client = connected(rig);
  await until(() => door.waiting > 0 && ASKED_FOR_A_PROOF.test(heard.text));
  assert.match(heard.text, STARTED);
  assert.doesNotMatch(heard.text, PROVED);
  door.open();
  assert.deepEqual(await rows(await client, "select 1 as one"), [{ one: 1 }]);
  assert.match(heard.text, PROVED, "what shows that nothing was proved can show that something was");
  await (await client).end();
});

test("a lease that cannot be put on record in time proves nothing", real, async (context) => {
  const rig = await rigWithDoor(context, {}, 800);
  const { door, heard } = rig;
  door.shut();
  await refusedWith(connected(rig), "TRAIL_UNAVAILABLE");
  assert.doesNotMatch(heard.text, PROVED);
  await until(() => rig.plane.gateway.sessionCount === 0);
  door.open();
  await until(async () => rig.control?.broker.status().leases === 0);
  const client = await connected(rig);
  assert.deepEqual(await rows(client, "select 1 as one"), [{ one: 1 }]);
  await client.end();
});

test("where there is nothing to prove, the upstream is not even dialled before", real, async (context) => {
  const none = { credential: { mode: "none" }, postgres: { user: "asRequested", database: "postgres" } };
  const rig = await rigWithDoor(context, none, 60_000);
  const { door, heard } = rig;
  door.shut();
  const client = connected(rig);
  await until(() => door.waiting > 0);
  assert.equal(heard.connections, 0);
  door.open();
  // The server asks for a password, and there is none.
  await refusedWith(client, "CREDENTIAL_UNAVAILABLE");
  assert.equal(heard.connections, 1);
});
