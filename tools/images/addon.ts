/** The addon for sockets, where programs that are run from their sources look for it. */
import { copyFileSync, existsSync, readFileSync, renameSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compiled } from "./c-program.ts";

const PLACE = fileURLToPath(new URL("../../runtime/native/sockets.node", import.meta.url));

export async function placeAddon(): Promise<void> {
  const file = await compiled("addon");
  if (existsSync(PLACE) && readFileSync(PLACE).equals(readFileSync(file))) return;
  // A process may have the old one loaded: it keeps that, and the next gets a whole new one.
  const draft = `${PLACE}.${process.pid}`;
  copyFileSync(file, draft);
  renameSync(draft, PLACE);
}
