/**
 * The upstream credential is nowhere but with the broker: not on the client's wire, in a log, an error, a metric, the trail, a
 * file of the gateway, an environment, a command line, nor in what a core dump of the data plane would show.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { globSync, readFileSync, statSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import pg, { type Client } from "pg";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { type Needle, inMemory, needlesOf } from "./memory.ts";
import { type Tapped, tap } from "./tapped.ts";
import { type EndToEnd, DATABASE, startEndToEnd } from "./world.ts";

const STATIC_PASSWORD = `canary-static-${randomBytes(12).toString("hex")}`;
/** Something the data plane must have seen, so that a scan that finds nothing is known to look. */
const SEEN = `seen-${randomBytes(12).toString("hex")}`;

const skipUnlessRoot = process.getuid?.() === 0 ? false : "only root can lend other users";

describe("a canary as the upstream's credential", { skip: skipWithoutPostgres(18) }, () => {
  let stage: EndToEnd;
  const wires: Tapped[] = [];
  let metricsText = "";
  let needles: Needle[];
  let clients: Client[];

  before(async () => {
    stage = await startEndToEnd({
      staticPassword: STATIC_PASSWORD,
      words: ["--metrics", "127.0.0.1:0", "--log-level", "debug"],
    });
    clients = [];
    for (const name of ["static", "minted"]) {
      const { port } = await stage.gateway.listener(name);
      const wire = await tap(port);
      wires.push(wire);
      clients.push(await exercise(wire));
    }
    needles = await secretsOf(stage);
    metricsText = await metricsOf(stage);
  });
  after(async () => {
    for (const client of clients ?? []) await client.end();
    for (const wire of wires) await wire[Symbol.asyncDispose]();
    await stage?.[Symbol.asyncDispose]();
  });

  /** Everything an agent could try to be told it: reads, errors, settings, the server's own tables. */
  async function exercise(through: Tapped): Promise<Client> {
    const client = new pg.Client({
      host: "127.0.0.1",
      port: through.port,
      user: "agent",
      database: DATABASE,
    });
    await client.connect();
    for (const text of [
      `select id, name, email from items where name <> '${SEEN}' limit 3`,
      "select 1 / 0",
      "select rolpassword from pg_authid",
      "show all",
      "select * from pg_stat_activity",
      "this is no statement",
      `insert into notes values ('${SEEN} ${through.port}')`,
    ])
      await client.query(text).catch((error: Error) => error);
    return client;
  }

  async function secretsOf({ world }: EndToEnd): Promise<Needle[]> {
    const rows = await world.root.query(
      "select rolname, rolpassword from pg_authid where rolname like 'sp\\_%' or rolname = 'app_static'",
    );
    assert.equal(rows.length, 2, "one minted role and the static one");
    return [
      ...needlesOf("static password", Buffer.from(STATIC_PASSWORD)),
      ...needlesOf("minter's password", Buffer.from(world.minterPassword)),
      ...rows.flatMap(({ rolname, rolpassword }) => verifierNeedles(String(rolname), String(rolpassword))),
    ];
  }

  /** `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`: the server knows these, and the data plane need not. */
  function verifierNeedles(role: string, verifier: string): Needle[] {
    const [storedKey = "", serverKey = ""] = (verifier.split("$")[2] ?? "").split(":");
    assert.equal(Buffer.from(serverKey, "base64").length, createHash("sha256").digest().length);
    return [
      ...needlesOf(`stored key of ${role}`, Buffer.from(storedKey, "base64")),
      ...needlesOf(`server key of ${role}`, Buffer.from(serverKey, "base64")),
    ];
  }

  function absentFrom(where: string, bytes: Buffer): void {
    const found = needles.filter((needle) => bytes.includes(needle.bytes)).map(({ name }) => name);
    assert.deepEqual(found, [], where);
  }

  test("not on the client's wire", () => {
    const bytes = Buffer.concat(wires.map((wire) => wire.bytes()));
    assert.ok(bytes.includes(SEEN), "the tap hears the client");
    absentFrom("client-side bytes", bytes);
  });

  test("not in logs, ready lines or errors of the gateway", () => {
    const output = stage.gateway.output();
    assert.ok(output.includes("ready  minted: "), "there is output");
    absentFrom("the gateway's output", Buffer.from(output));
  });

  test("not in metrics", () => {
    assert.match(metricsText, /^sallyport_/m);
    absentFrom("metrics", Buffer.from(metricsText));
  });

  test("not in any file that the gateway writes: trail, journal, keys", () => {
    const files = globSync(`${stage.gateway.data}/**/*`).filter((file) => statSync(file).isFile());
    assert.ok(
      files.some((file) => file.endsWith(".trail")),
      "there is a trail",
    );
    for (const file of files) absentFrom(file, readFileSync(file));
  });

  test("not in an environment or on a command line", () => {
    for (const pid of stage.gateway.pids())
      for (const file of ["environ", "cmdline"])
        absentFrom(`${file} of ${pid}`, readFileSync(`/proc/${pid}/${file}`));
  });

  test("not in the memory of the supervisor or the data plane, as a core dump would show it", (t) => {
    const [supervisor = -1, ...children] = stage.gateway.pids();
    const dataPlane = children.filter((pid) => commandOf(pid).includes("sidecar-worker"));
    assert.ok(dataPlane.length >= 1, "the data plane is a process of its own");
    const seen = [{ name: "seen", bytes: Buffer.from(SEEN) }];
    for (const pid of [supervisor, ...dataPlane])
      assert.deepEqual([...inMemory(pid, needles)], [], `process ${pid}`);
    assert.ok(
      dataPlane.some((pid) => inMemory(pid, seen).size > 0),
      "the scan finds what is there",
    );
    t.diagnostic(`figure canary.needles=${needles.length}`);
  });

  test("supervisor, broker and data plane are three users, where root starts them", {
    skip: skipUnlessRoot,
  }, () => {
    const uids = new Set(stage.gateway.pids().map(uidOf));
    assert.equal(uids.size, 3);
  });
});

function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8");
}

function uidOf(pid: number): string {
  return /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
}

async function metricsOf({ gateway }: EndToEnd): Promise<string> {
  const [, address = ""] = await gateway.line(/^health http:\/\/(127\.0\.0\.1:\d+)/m);
  const response = await fetch(`http://${address}/metrics`);
  return response.text();
}
