/** `make native`: puts the addon for sockets where programs that are run from their sources look for it. */
import { copyFileSync, existsSync, readFileSync, renameSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compiled } from "./c-program.ts";

const PLACE = fileURLToPath(new URL("../../runtime/native/sockets.node", import.meta.url));
/** As of the other set-up: something is missing on this machine. */
const MISSING = 2;

try {
  place(await compiled("addon"));
} catch (error) {
  console.error(`native: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = MISSING;
}

function place(file: string): void {
  if (existsSync(PLACE) && readFileSync(PLACE).equals(readFileSync(file))) return;
  // A process may have the old one loaded: it keeps that, and the next gets a whole new one.
  const draft = `${PLACE}.${process.pid}`;
  copyFileSync(file, draft);
  renameSync(draft, PLACE);
}
