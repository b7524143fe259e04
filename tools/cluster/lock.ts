/** One at a time among all processes of a machine; the kernel takes the lock back from whoever dies with it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const POLL_MS = 250;
/** What flock answers when somebody else has it. */
const TAKEN = 75;

/** The helper holds the lock as long as its input is open, which is as long as we live. */
const HOLD = "echo held; read -r word";

async function tryLock(file: string): Promise<AsyncDisposable | undefined> {
  await mkdir(dirname(file), { recursive: true });
  const words = ["--exclusive", "--nonblock", "--conflict-exit-code", String(TAKEN), file, "sh", "-c", HOLD];
  const holder = spawn("flock", words, { stdio: ["pipe", "pipe", "pipe"], detached: true });
  holder.stdin.on("error", () => undefined);
  const exited = once(holder, "exit") as Promise<[number | null]>;
  const isHeld = await Promise.race([once(holder.stdout, "data").then(() => true), exited.then(() => false)]);
  if (isHeld)
    return {
      async [Symbol.asyncDispose]() {
        holder.stdin.end();
        await exited;
      },
    };
  const [code] = await exited;
  if (code !== TAKEN)
    throw new Error(`cannot lock ${file}: ${String(holder.stderr.read() ?? `flock ended with ${code}`)}`);
  return undefined;
}

/**
 * Whoever comes first makes it; the others wait until it is there, not until the lock is free: its holder may go on to
 * something else that they need not wait for.
 */
export async function makeOnce(
  lockFile: string,
  isThere: () => Promise<boolean>,
  make: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  while (!(await isThere())) {
    signal.throwIfAborted();
    await using lock = await tryLock(lockFile);
    if (lock === undefined) await pause(POLL_MS, undefined, { signal });
    else if (!(await isThere())) await make();
  }
}
