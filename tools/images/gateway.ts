/** The gateway in every pod. Its user is a number that each pod draws anew; the one here is for whoever forgets to say. */
import { APP, bundleLayer } from "./bundle-layer.ts";
import { NODE_PATH, nodeLayer } from "./node-layer.ts";
import type { Recipe } from "./recipe.ts";

/** A signal must not open a debugger's port (SIGUSR1 does, without this). */
export const GATEWAY_FLAGS = ["--disable-sigusr1"] as const;

export async function gateway(tag: string, folder: string): Promise<Recipe> {
  return {
    name: `sallyport/gateway:${tag}`,
    config: {
      user: "65532:65532",
      entrypoint: [`/${NODE_PATH}`, ...GATEWAY_FLAGS, `/${APP}/gateway.js`],
      folder: `/${APP}`,
      environment: { NODE_ENV: "production" },
    },
    layers: [nodeLayer(), await bundleLayer(["gateway"], folder)],
  };
}
