/** Programs of ours as they are shipped, in the folder where they are started. */
import { build } from "rolldown";
import { type Program, bundleOf } from "../../rolldown.config.ts";
import type { Entry } from "./tar.ts";
import { entriesOf } from "./tree.ts";

export const APP = "app";

/** Bundled into `folder`, which has to stay until the image is written. */
export async function bundleLayer(programs: readonly Program[], folder: string): Promise<readonly Entry[]> {
  await build({ ...bundleOf(programs, folder), logLevel: "warn" });
  return entriesOf(folder, APP);
}
