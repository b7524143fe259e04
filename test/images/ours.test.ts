/** The images of a release: what is in them, that it runs with nothing beside it, and that it comes out the same twice. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { bundleAnew } from "#tools/images/bundles.ts";
import { type ImageName, IMAGE_NAMES, buildImages } from "#tools/images/images.ts";
import type { Image } from "#tools/images/oci.ts";
import type { Program } from "../../rolldown.config.ts";

const absent = ["go", "getcap", "tar"].filter((program) => spawnSync("which", [program]).status !== 0);
const problem =
  process.getuid?.() !== 0
    ? "unpacking images with capabilities needs root"
    : absent.length > 0 && `not installed: ${absent.join(" ")}`;

describe("the images of a release", { skip: problem }, () => {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-ours-"));
  let images: Record<ImageName, Image>;
  before(async () => {
    images = await buildImages(IMAGE_NAMES, { out: join(folder, "once"), tag: "1" });
    for (const name of IMAGE_NAMES) unpack(name);
  });
  after(() => rmSync(folder, { recursive: true }));

  const root = (name: ImageName): string => join(folder, "root", name);

  /** Layer over layer, as a runtime does. */
  function unpack(name: ImageName): void {
    const layout = join(folder, "layout", name);
    for (const at of [layout, root(name)]) mkdirSync(at, { recursive: true });
    execFileSync("tar", ["-xf", images[name].file, "-C", layout]);
    for (const { digest } of manifestOf(name).layers)
      execFileSync("cp", ["--archive", "--link", `${layer(name, digest)}/.`, root(name)]);
  }

  /** Unpacked once, for whichever images it is in. */
  function layer(name: ImageName, digest: string): string {
    const at = join(folder, "layers", digest);
    if (existsSync(at)) return at;
    mkdirSync(at, { recursive: true });
    const blobFile = join(folder, "layout", name, "blobs", digest.replace(":", "/"));
    const attributes = ["--xattrs", "--xattrs-include=security.capability"];
    execFileSync("tar", ["-xzf", blobFile, "-C", at, ...attributes]);
    return at;
  }

  function blob(name: ImageName, digest: string): unknown {
    return JSON.parse(readFileSync(join(folder, "layout", name, "blobs", digest.replace(":", "/")), "utf8"));
  }
  const manifestOf = (name: ImageName) =>
    blob(name, images[name].digest) as { config: { digest: string }; layers: { digest: string }[] };
  const configOf = (name: ImageName) =>
    (
      blob(name, manifestOf(name).config.digest) as {
        config: { User: string; Entrypoint: string[]; WorkingDir: string };
      }
    ).config;

  /** As the image says, in a file system where there is nothing else. */
  function run(name: ImageName, words: readonly string[] = []) {
    const { User, Entrypoint, WorkingDir } = configOf(name);
    const [uid = "", gid = ""] = User.split(":");
    const command = ["--userspec", `${uid}:${gid}`, root(name), ...Entrypoint];
    // chroot goes to its root's top; the folder is what the runtime would set.
    const inFolder = words.map((word) => (word.endsWith(".js") ? `${WorkingDir}/${word}` : word));
    return spawnSync("/usr/sbin/chroot", [...command, ...inFolder], { encoding: "utf8", env: {} });
  }

  test("each runs as a number that is not root, and has nobody's shell", () => {
    for (const name of IMAGE_NAMES) {
      assert.match(configOf(name).User, /^[1-9]\d*:[1-9]\d*$/);
      for (const shell of ["bin/sh", "usr/bin/sh", "bin/bash", "busybox"])
        assert.ok(!existsSync(join(root(name), shell)), `${name} has ${shell}`);
      const mighty = execFileSync("find", [root(name), "-perm", "/6000"], { encoding: "utf8" });
      assert.equal(mighty, "");
    }
  });

  test("one file of one image has one capability, and has to ask for it", () => {
    const found = execFileSync("getcap", ["-r", join(folder, "root")], { encoding: "utf8" }).trim();
    assert.equal(found, `${root("init")}/gw-init cap_net_admin=p`);
    assert.deepEqual(readdirSync(root("init")), ["gw-init"]);
  });

  test("the gateway runs with what is in its image", () => {
    const { status, stderr } = run("gateway");
    assert.equal(status, 78, stderr);
    assert.match(stderr, /POD_NAME must be a name/);
    assert.ok(!existsSync(join(root("gateway"), "app/operator.js")));
  });

  test("whoever runs Node.js cannot read it, so that the kernel gives out nothing of its memory", () => {
    for (const name of ["control", "gateway"] as const)
      assert.equal(statSync(join(root(name), "usr/bin/node")).mode & 0o777, 0o711);
  });

  test("the operator runs with what is in its image", () => {
    const { status, stderr } = run("control", ["operator.js"]);
    assert.equal(status, 64, stderr);
    assert.match(stderr, /--config is missing/);
    assert.ok(!existsSync(join(root("control"), "app/gateway.js")));
  });

  test("beside the broker there is what reads its trail, and no other command", () => {
    const helped = run("control", ["audit.js", "--help"]);
    assert.equal(helped.status, 0, helped.stderr);
    assert.match(helped.stdout, /sallyport audit[^]*tail[^]*grep[^]*show[^]*verify/);
    const { status, stderr } = run("control", ["audit.js", "tail", "/nowhere"]);
    assert.equal(status, 2);
    assert.match(stderr, /\/nowhere cannot be read/);
    assert.ok(!existsSync(join(root("control"), "app/sallyport.js")));
  });

  test("the broker runs with what is in its image", () => {
    const { status, stderr } = run("control", ["broker.js"]);
    assert.equal(status, 64, stderr);
  });

  test("gw-init runs with nothing at all beside it", () => {
    const { status, stderr } = run("init");
    assert.equal(status, 64, stderr);
    assert.equal(JSON.parse(stderr).cause, "USAGE");
  });

  test("scanners find which libraries are in it", () => {
    const records = join(root("gateway"), "var/lib/dpkg/status.d");
    if (!existsSync("/usr/bin/dpkg-query")) return assert.ok(!existsSync(records));
    assert.ok(readdirSync(records).includes("libc6"));
    for (const name of readdirSync(records))
      assert.match(readFileSync(join(records, name), "utf8"), /^Version: \S+$/m);
  });

  test("made again from the sources it is the same, to the byte", async (t) => {
    const bundle = async (programs: readonly Program[]): Promise<string> => {
      const at = join(folder, "bundle");
      await bundleAnew(programs, at);
      return at;
    };
    const again = await buildImages(["gateway", "init"], { out: join(folder, "again"), tag: "1", bundle });
    for (const name of ["gateway", "init"] as const) {
      assert.equal(again[name].digest, images[name].digest);
      assert.equal(statSync(again[name].file).size, statSync(images[name].file).size);
    }
    for (const name of IMAGE_NAMES) {
      t.diagnostic(`figure images.${name}_packed_mb=${(images[name].packedBytes / 1e6).toFixed(1)}`);
      t.diagnostic(`figure images.${name}_unpacked_mb=${(images[name].unpackedBytes / 1e6).toFixed(1)}`);
    }
  });
});
