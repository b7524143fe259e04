import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { deflateRawSync, crc32 } from "node:zlib";
import { makeOnce } from "#tools/cluster/lock.ts";
import { unzip } from "#tools/cluster/unzip.ts";

const skip = process.platform === "linux" ? false : "flock is of Linux";

describe("what is made once per machine", { skip }, () => {
  test("is made by one of several processes, and the others wait until it is there", async () => {
    await inFolder(async (folder) => {
      const made = await Promise.all([1, 2, 3].map(() => makerIn(folder).done));
      assert.deepEqual(made.toSorted(), ["found", "found", "made"]);
      assert.equal(readFileSync(join(folder, "log"), "utf8"), "made\n");
    });
  });

  test("is made by the next one when its maker is killed", async () => {
    await inFolder(async (folder) => {
      const first = makerIn(folder, "never");
      await first.begun;
      first.kill();
      await makerIn(folder).done;
      assert.ok(existsSync(join(folder, "thing")));
    });
  });

  test("is not waited for longer than the caller wants", async () => {
    await inFolder(async (folder) => {
      const first = makerIn(folder, "never");
      await first.begun;
      const waiting = makeOnce(
        join(folder, "lock"),
        async () => false,
        async () => assert.fail("somebody else has the lock"),
        AbortSignal.timeout(300),
      );
      await assert.rejects(waiting, { name: /AbortError|TimeoutError/ });
      first.kill();
    });
  });

  test("a maker's error is its caller's, and lets the next one try", async () => {
    await inFolder(async (folder) => {
      const lock = join(folder, "lock");
      const signal = AbortSignal.timeout(30_000);
      const failing = makeOnce(
        lock,
        async () => false,
        async () => Promise.reject(new Error("no room")),
        signal,
      );
      await assert.rejects(failing, /no room/);
      let isMade = false;
      const make = async (): Promise<void> => {
        isMade = true;
      };
      await makeOnce(lock, async () => isMade, make, signal);
      assert.ok(isMade);
    });
  });
});

/** A process that makes `thing`, or begins to and never ends. */
function makerIn(
  folder: string,
  ends: "soon" | "never" = "soon",
): { begun: Promise<unknown>; done: Promise<string>; kill: () => void } {
  const script = `
    import { appendFileSync, existsSync, writeFileSync } from "node:fs";
    import { makeOnce } from "#tools/cluster/lock.ts";
    const [folder, ends] = process.argv.slice(1);
    let word = "found";
    await makeOnce(folder + "/lock", async () => existsSync(folder + "/thing"), async () => {
      console.log("begun");
      if (ends === "never") await new Promise(() => setInterval(() => {}, 60_000));
      appendFileSync(folder + "/log", "made\\n");
      writeFileSync(folder + "/thing", "");
      word = "made";
    }, AbortSignal.timeout(20_000));
    console.log(word);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, folder, ends], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const done = once(child, "close").then(() => output.trim().split("\n").at(-1) ?? "");
  return { begun: once(child.stdout, "data"), done, kill: () => void child.kill("SIGKILL") };
}

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-once-"));
  try {
    await run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("one file out of a ZIP archive", () => {
  const text = Buffer.from("apple ".repeat(100));
  const archive = zipOf("fruit/apple", text);

  test("is as it was put in; others are not there", () => {
    assert.deepEqual(unzip(archive, "fruit/apple"), text);
    assert.throws(() => unzip(archive, "fruit"), /has no fruit/);
  });

  test("what is cut off or altered is refused, wherever", () => {
    for (let cut = 0; cut < archive.length; cut += 1)
      assert.throws(() => unzip(archive.subarray(0, cut), "fruit/apple"), `cut at ${cut}`);
    const packedAt = 30 + "fruit/apple".length;
    const altered = Buffer.from(archive);
    altered[packedAt + 4] = (altered[packedAt + 4] ?? 0) ^ 0xff;
    assert.throws(() => unzip(altered, "fruit/apple"));
  });
});

/** With one deflated entry. */
function zipOf(name: string, content: Buffer): Buffer {
  const packed = deflateRawSync(content);
  const facts = Buffer.alloc(20);
  facts.writeUInt16LE(8, 2);
  facts.writeUInt32LE(crc32(content), 8);
  facts.writeUInt32LE(packed.length, 12);
  facts.writeUInt32LE(content.length, 16);
  const head = (signature: number, bytes: number, factsAt: number): Buffer => {
    const made = Buffer.alloc(bytes);
    made.writeUInt32LE(signature);
    facts.copy(made, factsAt + 2);
    made.writeUInt16LE(name.length, factsAt + 22);
    return made;
  };
  const local = Buffer.concat([head(0x04034b50, 30, 4), Buffer.from(name), packed]);
  const central = Buffer.concat([head(0x02014b50, 46, 6), Buffer.from(name)]);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, central, end]);
}
