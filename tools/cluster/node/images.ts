/** Images that a cluster needs and no registry gives: made once per machine, kept outside the tree under what they are made of. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type ImageConfig, writeImage } from "#tools/images/oci.ts";
import type { Entry } from "#tools/images/tar.ts";
import { entriesOf } from "#tools/images/tree.ts";
import { findBinaries } from "#tools/postgres/binaries.ts";
import { cacheFolder } from "../cache.ts";
import { makeOnce } from "../lock.ts";
import { PAUSE_IMAGE } from "./containerd.ts";
import { everythingIn } from "./rootfs.ts";

const run = promisify(execFile);
const PAUSE_SOURCE = fileURLToPath(new URL("pause.c", import.meta.url));
const PAUSE_FLAGS = ["-Os", "-static", "-s"];
const MAKE_MS_MAX = 10 * 60_000;

/** What stock images of agents hold, and with what tests look around in a pod. */
export const AGENT_IMAGE = "localhost/test/agent:1";
/** The same with Node.js. */
export const NODE_IMAGE = "localhost/test/node:1";
/** A PostgreSQL that is told what to do as the official image of it is: POSTGRES_PASSWORD, POSTGRES_DB, /docker-entrypoint-initdb.d. */
export const POSTGRES_IMAGE = "localhost/test/postgres:18";

const DEBIAN_SUITE = "bookworm";
const PACKAGES = [
  "ca-certificates",
  "curl",
  "iproute2",
  "netcat-openbsd",
  "postgresql-client-15",
  "procps",
  "python3",
  "python3-psycopg2",
];
const LEFT_OUT = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"];
/** As such images come: root, a shell, no entry point. */
const STOCK: ImageConfig = {
  user: "0:0",
  entrypoint: [],
  args: ["bash"],
  environment: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LANG: "C.UTF-8" },
};

const POSTGRES_VERSION = 18;
const POSTGRES_SOURCE = fileURLToPath(new URL("serve-postgres.sh", import.meta.url));
const SERVE_POSTGRES = "usr/local/bin/serve-postgres";
/** It does not run as root. */
const NOBODY = "65534:65534";

/** Each cluster unpacks them anew: with gzip that took longer than the start of its programs. */
const PACKING = "zstd";

/** Told what takes long. */
type Say = (line: string) => void;

/** The program that holds a machine's and every pod's namespaces. */
export async function pauseProgram(): Promise<string> {
  const key = keyOf(await readFile(PAUSE_SOURCE), PAUSE_FLAGS.join(" "), process.arch);
  return made(`pause-${key}`, async (draft) => {
    await run("gcc", [...PAUSE_FLAGS, "-o", draft, PAUSE_SOURCE]);
  });
}

export async function pauseImage(): Promise<string> {
  const file = await pauseProgram();
  const key = keyOf(await readFile(file));
  return made(`pause-${key}.tar`, async (draft) => {
    await writeImage({
      out: draft,
      name: PAUSE_IMAGE,
      config: { user: "65535:65535", entrypoint: ["/pause"] },
      layers: [[{ kind: "file", path: "pause", content: { file }, mode: 0o755 }]],
    });
  });
}

/** An archive for `import`. Debian's packages are those of the day on which it was made on this machine. */
export async function agentImage(say: Say = () => undefined): Promise<string> {
  const { rootfs, key } = await debian(say);
  return made(`agent-${keyOf(key, PACKING)}.tar`, (draft) =>
    writeStock(draft, AGENT_IMAGE, [everythingIn(rootfs)]),
  );
}

export async function nodeImage(say: Say = () => undefined): Promise<string> {
  const { rootfs, key } = await debian(say);
  const node = {
    kind: "file",
    path: "usr/local/bin/node",
    content: { file: process.execPath },
    mode: 0o755,
  } as const;
  return made(`node-${keyOf(key, process.version, PACKING)}.tar`, (draft) =>
    writeStock(draft, NODE_IMAGE, [everythingIn(rootfs), [node]]),
  );
}

export async function postgresImage(say: Say = () => undefined): Promise<string> {
  const { rootfs, key } = await debian(say);
  const { postgres, release } = findBinaries(POSTGRES_VERSION);
  const layer: Entry[] = [
    ...entriesOf(dirname(dirname(postgres)), "usr/local/pgsql"),
    { kind: "file", path: SERVE_POSTGRES, content: { file: POSTGRES_SOURCE }, mode: 0o755 },
  ];
  const started = await readFile(POSTGRES_SOURCE);
  const config = { ...STOCK, user: NOBODY, entrypoint: [`/${SERVE_POSTGRES}`], args: [] };
  return made(`postgres-${keyOf(key, release, started, JSON.stringify(config), PACKING)}.tar`, (draft) =>
    writeStock(draft, POSTGRES_IMAGE, [everythingIn(rootfs), layer], config),
  );
}

async function writeStock(
  out: string,
  name: string,
  layers: Parameters<typeof writeImage>[0]["layers"],
  config = STOCK,
): Promise<void> {
  await writeImage({
    out,
    name,
    config,
    layers,
    layerCache: `${cacheFolder()}/images/layers`,
    packing: PACKING,
  });
}

async function debian(say: Say): Promise<{ readonly rootfs: string; readonly key: string }> {
  const recipe = [
    "--variant=minbase",
    `--include=${PACKAGES.join(",")}`,
    ...LEFT_OUT.map((path) => `--dpkgopt=path-exclude=${path}`),
    "--customize-hook=rm -rf $1/var/log/* $1/var/cache/ldconfig/*",
  ];
  const key = keyOf(...recipe, DEBIAN_SUITE, process.arch);
  const rootfs = await made(`debian-${key}`, async (draft) => {
    await rm(draft, { recursive: true, force: true });
    say(`making a Debian ${DEBIAN_SUITE} for images of agents, once per machine`);
    // From wherever mmdebstrap gets that suite by itself.
    await run("mmdebstrap", [...recipe, DEBIAN_SUITE, draft]);
  });
  return { rootfs, key };
}

function keyOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest("hex").slice(0, 16);
}

/** Where it is, once it is there; `make` writes it to another name first. */
async function made(name: string, make: (draft: string) => Promise<void>): Promise<string> {
  const folder = `${cacheFolder()}/images`;
  const path = `${folder}/${name}`;
  await mkdir(folder, { recursive: true });
  const isThere = (): Promise<boolean> => Promise.resolve(existsSync(path));
  const makeIt = async (): Promise<void> => {
    await make(`${path}.draft`);
    await rename(`${path}.draft`, path);
  };
  await makeOnce(`${folder}/lock`, isThere, makeIt, AbortSignal.timeout(MAKE_MS_MAX));
  return path;
}
