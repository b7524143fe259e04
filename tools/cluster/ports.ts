/** Ports on 127.0.0.1 for servers that cannot choose their own. */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Below those that Linux gives to connections going out, so that nobody is handed the port of a server that is down for a
 * restart.
 */
const FIRST = 20_000;
const LAST = 32_000;
const ATTEMPTS_MAX = 100;

export async function freePorts(count: number): Promise<readonly number[]> {
  const free = new Set<number>();
  for (let attempt = 0; free.size < count; attempt += 1) {
    if (attempt === ATTEMPTS_MAX) throw new Error(`no ${count} free ports from ${FIRST} to ${LAST}`);
    const port = randomInt(FIRST, LAST + 1);
    if (await isFree(port)) free.add(port);
  }
  return [...free];
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  const isListening = await new Promise<boolean>((resolve) => {
    probe.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
  });
  if (!isListening) return false;
  probe.close();
  await once(probe, "close");
  return true;
}
