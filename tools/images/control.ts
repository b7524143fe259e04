/**
 * Operator and broker. Which of them a pod runs, its first argument says: `operator.js` or `broker.js`. `audit.js` is for people: it reads
 * the trail where it lies.
 */
import { APP, bundleLayer } from "./bundle-layer.ts";
import type { Bundle } from "./bundles.ts";
import { NODE_PATH, nodeLayer } from "./node-layer.ts";
import type { Recipe } from "./recipe.ts";

export async function control(tag: string, bundle: Bundle): Promise<Recipe> {
  return {
    name: `sallyport/control:${tag}`,
    config: {
      user: "65532:65532",
      entrypoint: [`/${NODE_PATH}`, "--disable-sigusr1"],
      folder: `/${APP}`,
      environment: { NODE_ENV: "production" },
    },
    layers: [nodeLayer(), await bundleLayer(["operator", "broker", "audit"], bundle)],
  };
}
