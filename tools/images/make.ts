/** `make images`: every image of a release under dist/images, and their digests as the chart's values take them. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../../package.json" with { type: "json" };
import { IMAGE_NAMES, buildImages } from "./images.ts";

const OUT = fileURLToPath(new URL("../../dist/images", import.meta.url));

const images = await buildImages(IMAGE_NAMES, { out: OUT, tag: manifest.version });
const digests = Object.fromEntries(Object.entries(images).map(([name, { digest }]) => [name, { digest }]));
writeFileSync(join(OUT, "digests.json"), `${JSON.stringify({ images: digests }, undefined, 2)}\n`);
for (const { name, digest, packedBytes, unpackedBytes } of Object.values(images))
  console.log(`${name}\t${digest}\t${megabytes(packedBytes)} MB, unpacked ${megabytes(unpackedBytes)} MB`);

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
