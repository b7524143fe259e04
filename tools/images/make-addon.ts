/** `make native`. */
import { placeAddon } from "./addon.ts";

/** As of the other set-up: something is missing on this machine. */
const MISSING = 2;

try {
  await placeAddon();
} catch (error) {
  console.error(`native: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = MISSING;
}
