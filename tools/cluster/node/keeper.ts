/** `make cluster`'s other half: starts the cluster, says so to who started it, and ends it on SIGTERM. `--bare`: no images. */
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { agentImage, nodeImage, postgresImage } from "./images.ts";
import { startNodeTier } from "./node-tier.ts";
import { forgetStanding, writeStanding } from "./standing.ts";

/** Where `make images` leaves ours. */
const OUR_IMAGES = fileURLToPath(new URL("../../../dist/images", import.meta.url));

const told = Promise.withResolvers<void>();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => told.resolve());
// Until it stands, it is not to outlive who waits for it; what has been started goes with this process.
const alone = (): never => process.exit(1);
process.once("disconnect", alone);

const archives = process.argv.includes("--bare")
  ? []
  : [...(await Promise.all([agentImage(), nodeImage(), postgresImage()])), ...ourImages()];
await using node = await startNodeTier();
const names: string[] = [];
for (const archive of archives) names.push(...(await node.import(archive)).map(({ name }) => name));
await writeStanding({ kubeconfig: node.kubeconfig, images: names });
process.off("disconnect", alone);
process.send?.("ready");
process.disconnect();
await told.promise;
await forgetStanding();

function ourImages(): readonly string[] {
  if (!existsSync(OUR_IMAGES)) return [];
  return readdirSync(OUR_IMAGES)
    .filter((name) => name.endsWith(".tar"))
    .map((name) => `${OUR_IMAGES}/${name}`);
}
