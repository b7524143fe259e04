/** What a Connection asks of its record, from the API server to a client: the trail is a replica's, on its volume. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Connection } from "#core/api/kinds.gen.ts";
import { openLog } from "#runtime/log.ts";
import { type Engine, openEngine } from "#sidecar/process/engine.ts";
import { eventually } from "#test/chart/support/wait.ts";
import { type Client, connected, rows } from "#test/gateway/support/clients.ts";
import { Door, diskBehind } from "#test/gateway/support/door.ts";
import { eventsIn } from "#test/gateway/support/in-process.ts";
import { podUplink } from "#test/port/tls.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { type Session, connect } from "#tools/postgres/client.ts";
import { startPostgres } from "#tools/postgres/server.ts";
import {
  PASSWORD,
  type TestReplica,
  filesFor,
  localAgent,
  portsOf,
  startReplica,
  write,
} from "../support/replicas.ts";
import type { World } from "../support/world.ts";

const NAME = "reads";
type Reads = Connection["spec"]["trail"];

export function trailCases(world: () => World): void {
  describe("the trail of a replica", { skip: skipWithoutPostgres(18) }, () => {
    const opened = new AsyncDisposableStack();
    const door = new Door();
    let namespace = "";
    let upstreamPort = 0;
    let root: Session;
    let replica: TestReplica;
    let engine: Engine;
    let client: Client;
    let asked = 0;

    before(async () => {
      const server = opened.use(await startPostgres({ version: 18, tcp: true }));
      upstreamPort = server.port;
      root = opened.use(await connect(server));
      await root.query(`create role reader login password '${PASSWORD}'`);
      await root.query("create table orders as select 7 as id; grant select on orders to reader");
      namespace = await world().enforced();
      replica = opened.use(await startReplica(world(), opened, diskBehind(door)));
      const agent = await localAgent(world(), namespace, await world().node());
      const files = opened.use(await filesFor(world(), agent));
      engine = opened.use(
        openEngine({
          uplink: podUplink(files, portsOf(replica)),
          worker: 1,
          trailWaitMs: 60_000,
          heldRowsBytesMax: 1024 * 1024,
          sessionsMax: 10,
          passCancel: () => undefined,
          mayConnect: () => Promise.resolve(undefined),
          log: openLog({ write: () => undefined, nowMs: Date.now, level: "error" }),
        }),
      );
      await applied(undefined);
      client = await connected({ port: await listening(engine, { namespace, name: NAME }, opened) });
      opened.defer(() => client.end());
    });
    after(async () => {
      door.open();
      await opened.disposeAsync();
    });

    /** Written to the API server, and in force in the gateway. `told`: how it is told there. */
    async function applied(trail: Reads, told: Reads = trail): Promise<void> {
      await write(world(), namespace, NAME, "default", {
        address: { host: "127.0.0.1", port: upstreamPort },
        tls: { mode: "disable" },
        postgres: { user: "reader", database: "postgres" },
        ...(trail === undefined ? {} : { trail }),
      });
      const wanted = JSON.stringify(told);
      const found = () => engine.gateway.plan?.connection({ namespace, name: NAME });
      await eventually(
        async () => (found() !== undefined && JSON.stringify(found()?.spec.trail) === wanted) || undefined,
        () => `${JSON.stringify(found()?.spec)} is in force`,
      );
    }

    const ask = (word: string): Promise<unknown> => {
      asked += 1;
      return rows(client, `select id as ${word} from orders`);
    };
    /** Nothing of what was asked before comes to the door any more. */
    const recorded = (): Promise<unknown> =>
      eventually(
        async () => {
          const events = await eventsIn(join(replica.state, "trail"));
          return events.filter(({ kind }) => kind === "result").length === asked || undefined;
        },
        () => "not all results are on record",
      );
    const hasHeard = async (word: string): Promise<boolean> => {
      const like = "select 1 from pg_stat_activity where usename = 'reader' and query like $1";
      return (await root.query(like, [`%${word}%`])).length > 0;
    };

    async function runsAhead(word: string): Promise<void> {
      await recorded();
      door.shut();
      assert.deepEqual(await ask(word), [{ [word]: 7 }]);
      door.open();
    }

    async function waits(word: string): Promise<void> {
      await recorded();
      door.shut();
      const answer = ask(word);
      await eventually(
        async () => door.waiting > 0 || undefined,
        () => "nothing is to be put on record",
      );
      assert.equal(await hasHeard(word), false);
      door.open();
      assert.deepEqual(await answer, [{ [word]: 7 }]);
      assert.equal(await hasHeard(word), true, "what shows that it was not forwarded can show that it was");
    }

    test("follows reads where the Connection says nothing of it, and where the API server fills in what it says", async () => {
      await runsAhead("said_nothing");
      await applied({}, { reads: "runAhead" });
      await runsAhead("filled_in");
    });

    test("has them first where the Connection says so, from the next one on in sessions that are open", async () => {
      await applied({ reads: "durableFirst" });
      await waits("held_back");
      await applied(undefined);
      await runsAhead("no_more");
    });
  });
}

async function listening(
  { gateway }: Engine,
  connection: { readonly namespace: string; readonly name: string },
  opened: AsyncDisposableStack,
): Promise<number> {
  const greeting = { listener: "pod", identity: "ambient", tls: undefined } as const;
  const listener = {
    name: "pod",
    connection,
    protocol: "postgres",
    onlyUid: undefined,
    greeting,
  } as const;
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (client) =>
    gateway.take(client, listener),
  ).listen(0, "127.0.0.1");
  opened.defer(() => void server.close());
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
