import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { SALLYPORT, commands } from "#cli/commands.ts";
import type { Io } from "#cli/frame/io.ts";
import { run } from "#cli/frame/run.ts";
import { textDigest } from "#core/audit/digest.ts";
import { isRefusal } from "#core/values/refusal.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import { temporaryFolder } from "#test/port/carriers.ts";
import { until } from "#test/port/until.ts";
import { Chain, closing, never, opening, request, trailOn } from "#test/trail/support.ts";

const folder = await temporaryFolder();
after(() => folder[Symbol.asyncDispose]());
const trailDirectory = join(folder.path, "trail");
const reader = new Chain();
const writer = new Chain();

before(async () => {
  await using trail = await trailOn(realDisk, folder.path);
  for (const [chain, text] of [
    [reader, "select * from orders"],
    [writer, "drop table orders\n-- \u001b[31mred"],
  ] as const) {
    const keys = await trail.openSession(chain.session, never);
    assert.ok(!isRefusal(keys));
    const bytes = Buffer.from(text);
    const digest = { textDigest: textDigest(keys.digestKey, bytes), textBytes: bytes.length };
    const denied = {
      outcome: "deny",
      code: "DENY_RULE",
      classes: ["ddl"],
      accesses: ["ddl public.orders"],
    } as const;
    const body = request(0, chain === writer ? { ...digest, ...denied } : digest);
    await trail.append([chain.seal(opening), chain.seal(body, bytes), chain.seal(closing)], never);
  }
});

async function sallyport(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const written = { out: "", err: "" };
  const screen = (name: "out" | "err") => ({
    colour: false,
    write: (text: string) => {
      written[name] += text;
    },
  });
  const io: Io = {
    out: screen("out"),
    err: screen("err"),
    nowMs: () => 0,
    readInput: async () => ({ ok: true, text: "" }),
  };
  return { code: await run({ program: SALLYPORT, commands }, words, io), ...written };
}

function jsonLines(out: string): Record<string, unknown>[] {
  return out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("tail shows what was asked, decided and done, with texts that cannot paint the terminal", async () => {
  const { code, out } = await sallyport("audit", "tail", trailDirectory);
  assert.equal(code, 0);
  assert.match(out, /broker\.start/);
  assert.match(out, /session\.open {5}service account agents\/reporter {2}to prod\/orders {2}postgres/);
  assert.match(out, /request {10}#0 {2}allow {2}ALLOWED {2}read public\.orders\n {4}select \* from orders\n/);
  assert.match(
    out,
    /#0 {2}deny {2}DENY_RULE {2}ddl public\.orders\n {4}drop table orders\n {4}-- \\u\{1b\}\[31mred\n/,
  );
  assert.equal(out.includes("\u001b"), false);
});

test("filters choose: by outcome, code, session, subject, connection and time, and --lines the last of them", async () => {
  const count = async (...filters: string[]): Promise<number> => {
    const { out } = await sallyport("audit", "tail", trailDirectory, "--output", "json", ...filters);
    return out === "" ? 0 : jsonLines(out).length;
  };
  assert.equal(await count(), 8);
  assert.equal(await count("--lines", "3"), 3);
  assert.equal(await count("--outcome", "deny"), 1);
  assert.equal(await count("--code", "ALLOWED"), 1);
  assert.equal(await count(`--session=${writer.session.slice(0, 10)}`), 3);
  assert.equal(await count("--subject", "REPORTER"), 6);
  assert.equal(await count("--subject", "somebody else"), 0);
  assert.equal(await count("--connection", "orders"), 6);
  assert.equal(await count("--connection", "dev/orders"), 0);
  assert.equal(await count("--since", "2023-11-14T22:13:20Z"), 8);
  assert.equal(await count("--until", "2023-11-14T22:13:20Z"), 0);
});

test("grep looks through texts and fields, and says by its exit code that there is nothing", async () => {
  const found = await sallyport("audit", "grep", "DROP TABLE", trailDirectory, "--output", "json");
  assert.equal(found.code, 0);
  assert.equal(jsonLines(found.out)[0]?.["text"], "drop table orders\n-- \u001b[31mred");
  assert.equal((await sallyport("audit", "grep", "public.orders", trailDirectory)).code, 0);
  assert.equal((await sallyport("audit", "grep", "no such thing", trailDirectory)).code, 1);
});

test("show prints one session, by the beginning of its id", async () => {
  const { code, out } = await sallyport(
    "audit",
    "show",
    reader.session.slice(0, 8),
    trailDirectory,
    "--output",
    "json",
  );
  assert.equal(code, 0);
  const kinds = jsonLines(out).map(({ event }) => (event as { kind: string }).kind);
  assert.deepEqual(kinds, ["session.open", "request", "session.close"]);
  assert.equal((await sallyport("audit", "show", "AAAAAAAAAAAAAAAAAAAAAA", trailDirectory)).code, 1);
});

test("verify says that it is whole, what it comes to, and holds it to what was noted", async () => {
  const { code, out } = await sallyport("audit", "verify", trailDirectory);
  assert.equal(code, 0, out);
  assert.match(
    out,
    /8 events; 3 sessions: 3 ended, 0 lost, 0 unfinished\n2 texts opened and compared, 0 sealed\n/,
  );
  const [noted = ""] = /8:[0-9a-f]{64}/.exec(out) ?? [];
  assert.equal((await sallyport("audit", "verify", trailDirectory, "--expect", noted)).code, 0);
  const other = await sallyport("audit", "verify", trailDirectory, "--expect", `8:${"0".repeat(64)}`);
  assert.equal(other.code, 1);
  assert.match(other.out, /has not grown from what was noted/);
  assert.equal((await sallyport("audit", "verify", trailDirectory, "--expect", "8")).code, 2);
  const json = JSON.parse(
    (await sallyport("audit", "verify", trailDirectory, "--output", "json")).out,
  ) as object;
  assert.deepEqual(
    { ...json, root: "" },
    { ...json, root: "", version: 1, leaves: 8, findings: [], notices: [] },
  );
});

test("tail --follow goes on as events come", async () => {
  await using own = await temporaryFolder();
  await using trail = await trailOn(realDisk, own.path);
  const chain = new Chain();
  await trail.append([chain.seal(opening)], never);
  const main = join(import.meta.dirname, "../../cli/main.ts");
  const words = ["audit", "tail", join(own.path, "trail"), "--follow", "--output", "json"];
  const child = spawn(process.execPath, [main, ...words], { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (piece: Buffer) => {
    out += piece.toString();
  });
  await until(() => out.includes("session.open"));
  const keys = await trail.openSession(chain.session, never);
  assert.ok(!isRefusal(keys));
  await trail.append(
    [chain.seal(request(0, { textBytes: 12 }), Buffer.from("select 'new'")), chain.seal(closing)],
    never,
  );
  await until(() => out.includes("session.close"));
  child.kill();
  await once(child, "exit");
  const rows = jsonLines(out);
  assert.deepEqual(
    rows.map(({ index }) => index),
    [0, 1, 2, 3],
  );
  assert.equal(rows[2]?.["text"], "select 'new'", "with a key that was made after the follower had begun");
});

test("rotate-key makes a key, and everything opens as before", async () => {
  const { code, out } = await sallyport("audit", "rotate-key", trailDirectory);
  assert.equal(code, 0);
  assert.match(out, /^key 2 made/);
  assert.match((await sallyport("audit", "verify", trailDirectory)).out, /2 texts opened/);
});

test("without the keys everything but the texts is there, and verify says so", async () => {
  const elsewhere = join(folder.path, "no-keys");
  const asked = await sallyport("audit", "tail", trailDirectory, "--keys", elsewhere);
  assert.equal(asked.code, 2, "keys that were asked for by name have to be there");
  await rm(join(folder.path, "keys"), { recursive: true });
  const { code, out } = await sallyport("audit", "tail", trailDirectory);
  assert.equal(code, 0);
  assert.match(out, /deny {2}DENY_RULE/);
  assert.match(out, /\(the text is sealed\)/);
  assert.equal(out.includes("drop table"), false);
  const verified = await sallyport("audit", "verify", trailDirectory);
  assert.equal(verified.code, 0);
  assert.match(verified.out, /2 texts not looked at/);
});

test("what is called wrongly is said to be", async () => {
  assert.match(
    (await sallyport("audit")).err,
    /did you mean audit tail, audit grep, audit show, audit verify/,
  );
  assert.match((await sallyport("audit", "verfy", trailDirectory)).err, /did you mean audit verify/);
  assert.match((await sallyport("audit", "verify", folder.path)).err, /holds no trail/);
  assert.match((await sallyport("audit", "verify", join(folder.path, "nowhere"))).err, /cannot be read/);
  assert.match((await sallyport("audit", "tail", trailDirectory, "--since", "yesterday")).err, /not a time/);
  assert.match((await sallyport("audit", "tail", trailDirectory, "--lines", "-1")).err, /--lines/);
  assert.match((await sallyport("help", "audit", "verify")).out, /sallyport audit verify/);
});

test("verify follows a session into the log of another replica, and says what does not fit", async () => {
  const chain = new Chain();
  const [first, second, stranger] = ["first", "second", "stranger"].map((name) => join(folder.path, name));
  assert.ok(first !== undefined && second !== undefined && stranger !== undefined);
  const open = chain.seal(opening);
  {
    await using trail = await trailOn(realDisk, first, { broker: "broker-1" });
    await trail.append([open], never);
    await trail.declareLost(chain.session, never);
  }
  {
    await using trail = await trailOn(realDisk, second, { broker: "broker-2" });
    const chainHead = Buffer.from(open.hash).toString("hex");
    const moved = chain.seal({ kind: "session.moved", log: "broker-1", lastSeq: 0, chainHead });
    await trail.append([moved, chain.seal(closing)], never);
  }
  await using _trail = await trailOn(realDisk, stranger, { broker: "broker-1" });
  const [here, there] = [join(second, "trail"), join(first, "trail")];
  const alone = await sallyport("audit", "verify", here);
  assert.equal(alone.code, 0, alone.out);
  assert.match(alone.out, /the log of broker broker-1 is not among these/);
  const together = await sallyport("audit", "verify", here, "--with", there);
  assert.equal(together.code, 0, together.out);
  assert.match(together.out, /whole together {2}1 session went on in another log/);
  const json = JSON.parse(
    (await sallyport("audit", "verify", here, "--with", there, "--output", "json")).out,
  ) as {
    between: object;
  };
  assert.deepEqual(json.between, { findings: [], notices: [], moved: 1 });
  const shown = await sallyport("audit", "show", chain.session, here);
  assert.match(shown.out, /session\.moved +goes on from 0 in the log of broker-1/);
  const forged = await sallyport("audit", "verify", here, "--with", join(stranger, "trail"));
  assert.equal(forged.code, 1);
  assert.match(forged.out, /moved {2}.*does not hold event 0/);
  assert.equal((await sallyport("audit", "verify", here, "--with", join(folder.path, "none"))).code, 2);
});
