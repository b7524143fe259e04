/** The gateway in every pod. Its user is a number that each pod draws anew; the one here is for whoever forgets to say. */
import { CAPTURE_PORT, DNS_PORT, HEALTH_PORT, LOOPBACKS } from "#sidecar/pod/ports.ts";
import { APP, bundleLayer } from "./bundle-layer.ts";
import { compiled } from "./c-program.ts";
import { NODE_PATH, nodeLayer } from "./node-layer.ts";
import type { Recipe } from "./recipe.ts";

/** A signal must not open a debugger's port (SIGUSR1 does, without this). */
export const GATEWAY_FLAGS = ["--disable-sigusr1"] as const;

const ADDRESSES = LOOPBACKS.map((host) => (host.includes(":") ? `[${host}]` : host));
/** What the launcher opens before anything else of the pod runs, and never lets go. */
const LISTENERS = [
  ...ADDRESSES.flatMap((address) => [
    `tcp:${address}:${CAPTURE_PORT}`,
    `tcp:${address}:${DNS_PORT}`,
    `udp:${address}:${DNS_PORT}`,
  ]),
  `tcp:[::]:${HEALTH_PORT}`,
];

/** How the container starts, with its programs where the image has them or elsewhere. */
export function gatewayCommand(
  launcher: string,
  node: string,
  program: string,
): readonly [string, ...string[]] {
  return [launcher, ...LISTENERS, "--", node, ...GATEWAY_FLAGS, program];
}

export async function gateway(tag: string, folder: string): Promise<Recipe> {
  return {
    name: `sallyport/gateway:${tag}`,
    config: {
      user: "65532:65532",
      entrypoint: gatewayCommand("/launcher", `/${NODE_PATH}`, `/${APP}/gateway.js`),
      folder: `/${APP}`,
      environment: { NODE_ENV: "production" },
    },
    layers: [
      nodeLayer(),
      [
        { kind: "file", path: "launcher", content: { file: await compiled("launcher") }, mode: 0o755 },
        ...(await bundleLayer(["gateway"], folder)),
      ],
    ],
  };
}
