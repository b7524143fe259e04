import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { after, test } from "node:test";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { fullName, writeImage } from "#tools/images/oci.ts";
import { type Entry, tarBytes } from "#tools/images/tar.ts";
import { entriesOf } from "#tools/images/tree.ts";

const folder = mkdtempSync(join(tmpdir(), "sallyport-images-"));
after(() => rmSync(folder, { recursive: true }));

const PROGRAM: Entry = {
  kind: "file",
  path: "usr/sbin/rules",
  content: Buffer.from("program"),
  mode: 0o755,
  capabilities: { permitted: ["cap_net_admin"], effective: true },
};
const NOTE: Entry = {
  kind: "file",
  path: "etc/note",
  content: Buffer.from("note"),
  owner: { uid: 5, gid: 6 },
};
const LINK: Entry = { kind: "link", path: "etc/link", to: "note" };

const image = (out: string, layers: readonly (readonly Entry[])[], layerCache?: string) =>
  writeImage({
    out: join(folder, out),
    name: "sallyport/gw-init:1",
    config: { user: "65534:65534", entrypoint: ["/usr/sbin/rules"], environment: { A: "b" } },
    layers,
    ...(layerCache === undefined ? {} : { layerCache: join(folder, layerCache) }),
  });

function packed(entries: readonly Entry[]): Promise<Buffer> {
  return buffer(Readable.from(tarBytes(entries)));
}

/** As GNU tar reads it: an implementation that is not ours. */
function unpacked(archive: Buffer, ...options: readonly string[]): string {
  const into = mkdtempSync(join(folder, "unpacked-"));
  execFileSync("tar", ["-x", "-C", into, ...options], { input: archive });
  return into;
}

test("another tar reads what is written: modes, owners, links, times", async () => {
  const listing = execFileSync("tar", ["-tv", "--numeric-owner", "--utc"], {
    input: await packed([PROGRAM, NOTE, LINK]),
    encoding: "utf8",
  });
  const words = listing
    .trim()
    .split("\n")
    .map((line) => line.replaceAll(/ +/g, " "));
  assert.deepEqual(words, [
    "drwxr-xr-x 0/0 0 1970-01-01 00:00 etc/",
    "lrwxrwxrwx 0/0 0 1970-01-01 00:00 etc/link -> note",
    "-rw-r--r-- 5/6 4 1970-01-01 00:00 etc/note",
    "drwxr-xr-x 0/0 0 1970-01-01 00:00 usr/",
    "drwxr-xr-x 0/0 0 1970-01-01 00:00 usr/sbin/",
    "-rwxr-xr-x 0/0 7 1970-01-01 00:00 usr/sbin/rules",
  ]);
});

test("a file's capability survives, and only that file's", { skip: isRoot() }, async () => {
  const at = unpacked(await packed([PROGRAM, NOTE]), "--xattrs", "--xattrs-include=security.capability");
  const seen = execFileSync("/sbin/getcap", ["-r", at], { encoding: "utf8" });
  assert.equal(seen.trim(), `${at}/usr/sbin/rules cap_net_admin=ep`);
});

function isRoot(): string | false {
  return process.getuid?.() === 0 ? false : "setting file capabilities needs root";
}

test("any names and contents come back as they went in", async () => {
  const name = fc.stringMatching(/^[a-zä0-9-]{1,70}$/);
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => `d/${parts.join("/")}.f`);
  const contents = fc.dictionary(path, fc.uint8Array({ maxLength: 1500 }), { minKeys: 1, maxKeys: 4 });
  await fc.assert(
    fc.asyncProperty(contents, async (files) => {
      const entries = Object.entries(files).map(
        ([path, content]): Entry => ({ kind: "file", path, content }),
      );
      const at = unpacked(await packed(entries));
      for (const [path, content] of Object.entries(files))
        assert.deepEqual(new Uint8Array(readFileSync(join(at, path))), content);
      rmSync(at, { recursive: true });
    }),
    { numRuns: fuzzRuns(20), ...fuzzSeed() },
  );
});

test("names that would leave the archive, and names given twice, are refused", async () => {
  const file = (path: string): Entry => ({ kind: "file", path, content: Buffer.of() });
  for (const path of ["/etc/x", "../x", "a/../x", "", "a/", "a\0b"])
    await assert.rejects(packed([file(path)]), RangeError, path);
  await assert.rejects(packed([file("a"), file("a")]), /there twice/);
  await assert.rejects(packed([file("a"), file("a/b")]), /no folder/);
  await packed([file("a..b"), file("c/.hidden")]);
});

test("the same content has the same digest, in whatever order and cached or not", async () => {
  const one = await image("one.tar", [[PROGRAM, NOTE]], "layers");
  const again = await image("again.tar", [[NOTE, PROGRAM]], "layers");
  const uncached = await image("uncached.tar", [[NOTE, PROGRAM]]);
  assert.deepEqual([again.digest, uncached.digest], [one.digest, one.digest]);
  assert.ok(readFileSync(one.file).equals(readFileSync(uncached.file)));
  const other = await image("other.tar", [[PROGRAM, { ...NOTE, content: Buffer.from("nota") }]], "layers");
  assert.notEqual(other.digest, one.digest);
});

test("every blob is what its name says, and the layers are what the configuration says", async () => {
  const { file, digest } = await image("layout.tar", [[PROGRAM], [NOTE]]);
  const at = unpacked(readFileSync(file));
  const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
  for (const name of readdirSync(join(at, "blobs/sha256")))
    assert.equal(sha256(readFileSync(join(at, "blobs/sha256", name))), name);
  const read = (path: string) => JSON.parse(readFileSync(join(at, path), "utf8"));
  const blob = (digest: string): string => `blobs/${digest.replace(":", "/")}`;
  const [entry] = read("index.json").manifests;
  assert.equal(entry.digest, digest);
  assert.equal(entry.annotations["io.containerd.image.name"], "docker.io/sallyport/gw-init:1");
  const manifest = read(blob(digest));
  const config = read(blob(manifest.config.digest));
  assert.equal(config.config.User, "65534:65534");
  const unpackedDigests = manifest.layers.map(
    (layer: { digest: string }) => `sha256:${sha256(gunzipSync(readFileSync(join(at, blob(layer.digest)))))}`,
  );
  assert.deepEqual(config.rootfs.diff_ids, unpackedDigests);
});

test("names are completed as container engines do", () => {
  assert.equal(fullName("sallyport/gateway:1"), "docker.io/sallyport/gateway:1");
  assert.equal(fullName("busybox:1"), "docker.io/library/busybox:1");
  assert.equal(fullName("localhost/x:1"), "localhost/x:1");
  assert.equal(fullName("registry.test:5000/x:1"), "registry.test:5000/x:1");
});

test("a folder goes in as it stands, links as links", async () => {
  const from = join(folder, "tree");
  mkdirSync(join(from, "bin"), { recursive: true });
  writeFileSync(join(from, "bin/run"), "#!", { mode: 0o755 });
  symlinkSync("bin/run", join(from, "start"));
  const paths = entriesOf(from, "opt").map(({ kind, path }) => `${kind} ${path}`);
  assert.deepEqual(paths.toSorted(), ["file opt/bin/run", "folder opt/bin", "link opt/start"]);
  const at = unpacked(await packed(entriesOf(from, "opt")));
  assert.equal(readFileSync(join(at, "opt/start"), "utf8"), "#!");
});
