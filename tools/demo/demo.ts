/**
 * `make demo`: an agent without a password, a real PostgreSQL and the real gateway between them. Everything is made in a
 * folder of its own and is gone afterwards, however this ends.
 */
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { PostgresUnavailable } from "../postgres/binaries.ts";
import { ChildFailed } from "../world/child.ts";
import { startAgent } from "./conversation.ts";
import { narrator } from "./narrate.ts";
import { NotShown } from "./not-shown.ts";
import { readOptions } from "./options.ts";
import { type Shop, openShop } from "./shop.ts";
import { tell } from "./steps.ts";

/** Something a person can put right, in words that say how. */
class CannotStart extends Error {
  override readonly name = "CannotStart";
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (typeof options === "string") throw new CannotStart(options);
  const stop = stopSignal();
  await checkPort(options.port);
  await checkFolders();
  const told = narrator();
  const startedMs = performance.now();
  told.title("Sallyport: an agent without a password", [
    "starting PostgreSQL 18, an OpenID Connect provider and the gateway …",
  ]);
  await using shop = await openShop(options);
  const tookS = ((performance.now() - startedMs) / 1_000).toFixed(1);
  told.line(`  ${told.paint("dim", `ready after ${tookS} s, in ${shop.folder}`)}`);
  if (stop.aborted) return;
  await play(shop, told);
  if (!options.once) await stayUp(shop, told, stop);
}

async function play(shop: Shop, told: ReturnType<typeof narrator>): Promise<void> {
  await using agent = await startAgent(shop.agentEnvironment);
  await tell({
    narrator: told,
    agent,
    evidence: shop.evidence,
    root: shop.root,
    readPolicy: () => readFile(shop.policyFile, "utf8"),
    writePolicy: shop.writePolicy,
  });
}

async function stayUp(shop: Shop, told: ReturnType<typeof narrator>, stop: AbortSignal): Promise<void> {
  const { paint, line } = told;
  line();
  line(`  ${paint("bold", "It stays up. Be the agent yourself:")}`);
  line();
  line(`     ${paint("cyan", `psql "${shop.connectionWords}"`)}`);
  line();
  line(`  ${paint("bold", "Edit, save, and the next statement knows:")}`);
  for (const file of shop.files) line(`     ${file}`);
  line();
  line(`  ${paint("bold", "Read the evidence:")}`);
  line(`     npx sallyport audit tail ${shop.evidence.directory} --follow`);
  line();
  line(`  ${paint("dim", "Ctrl-C ends it and removes everything.")}`);
  if (!stop.aborted) await once(stop, "abort");
  line();
  line(`  ${paint("dim", "ending …")}`);
}

function stopSignal(): AbortSignal {
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => stopping.abort(signal));
  return stopping.signal;
}

async function checkPort(port: number): Promise<void> {
  const probe = createServer();
  try {
    probe.listen(port, "127.0.0.1");
    await once(probe, "listening");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new CannotStart(
      code === "EADDRINUSE"
        ? `port ${port} is taken: make demo PORT=${port + 1}`
        : `port ${port} cannot be listened on (${code}): make demo PORT=6432`,
      { cause },
    );
  } finally {
    probe.close();
  }
}

async function checkFolders(): Promise<void> {
  try {
    await rm(await mkdtemp(join(tmpdir(), "sallyport-check-")), { recursive: true });
  } catch (cause) {
    throw new CannotStart(
      `nothing can be written below ${tmpdir()} (${(cause as NodeJS.ErrnoException).code}): TMPDIR=/some/other/folder make demo`,
      { cause },
    );
  }
  // Started by root, the server and the gateway run as other users, who have to get at their files.
  if (process.getuid?.() !== 0) return;
  for (const folder of [tmpdir(), fileURLToPath(new URL("../..", import.meta.url))]) {
    const closed = await closedParent(folder);
    if (closed !== undefined)
      throw new CannotStart(
        `${closed} is closed to other users, as who the server and the gateway run when root starts them: chmod o+x ${closed}, or make demo as another user`,
      );
  }
}

async function closedParent(folder: string): Promise<string | undefined> {
  for (let path = resolve(folder); ; path = dirname(path)) {
    if (((await stat(path)).mode & 0o001) === 0) return path;
    if (path === dirname(path)) return undefined;
  }
}

try {
  await main();
} catch (error) {
  if (!isForPeople(error)) throw error;
  console.error(`demo: ${error.message}`);
  process.exitCode = 1;
}

function isForPeople(error: unknown): error is Error {
  return [CannotStart, PostgresUnavailable, ChildFailed, NotShown].some((kind) => error instanceof kind);
}
