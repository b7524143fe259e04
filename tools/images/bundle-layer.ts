/** Programs of ours as they are shipped, in the folder where they are started. */
import type { Program } from "../../rolldown.config.ts";
import type { Bundle } from "./bundles.ts";
import type { Entry } from "./tar.ts";
import { entriesOf } from "./tree.ts";

export const APP = "app";

export async function bundleLayer(programs: readonly Program[], bundle: Bundle): Promise<readonly Entry[]> {
  return entriesOf(await bundle(programs), APP);
}
