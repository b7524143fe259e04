/** The images of a release, from nothing: no registry, no daemon, no base image. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder, pruneFolders } from "#tools/cluster/cache.ts";
import { type Bundle, bundled } from "./bundles.ts";
import { control } from "./control.ts";
import { gateway } from "./gateway.ts";
import { gwInit } from "./gw-init.ts";
import { type Image, writeImage } from "./oci.ts";
import type { Recipe } from "./recipe.ts";

/** By the names that the chart's values have for them. */
const RECIPES = { control, gateway, init: gwInit } as const satisfies Record<
  string,
  (tag: string, bundle: Bundle) => Promise<Recipe>
>;

/** Shared with the images of tests. */
const layers = (): string => `${cacheFolder()}/images/layers`;
const LAYERS_KEPT = 32;

export type ImageName = keyof typeof RECIPES;
export const IMAGE_NAMES = Object.keys(RECIPES) as readonly ImageName[];

export interface ImagesRequest {
  readonly out: string;
  readonly tag: string;
  readonly bundle?: Bundle;
}

/** Writes `<out>/<name>.tar` for each. */
export async function buildImages<Name extends ImageName>(
  names: readonly Name[],
  { out, tag, bundle = bundled }: ImagesRequest,
): Promise<Record<Name, Image>> {
  mkdirSync(out, { recursive: true });
  const built: Partial<Record<Name, Image>> = {};
  for (const name of names)
    built[name] = await writeImage({
      ...(await RECIPES[name](tag, bundle)),
      out: join(out, `${name}.tar`),
      layerCache: layers(),
    });
  await pruneFolders(layers(), /\.(?:gzip|zstd)-/, LAYERS_KEPT);
  return built as Record<Name, Image>;
}
