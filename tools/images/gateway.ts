/** The gateway in every pod. Its user is a number that each pod draws anew; the one here is for whoever forgets to say. */
import { CAPTURE_PORT, DNS_PORT, HEALTH_PORT, LOOPBACKS } from "#sidecar/pod/ports.ts";
import { WORKER_NODE_FLAGS } from "#sidecar/process/program.ts";
import { APP, bundleLayer } from "./bundle-layer.ts";
import type { Bundle } from "./bundles.ts";
import { compiled } from "./c-program.ts";
import { NODE_PATH, nodeLayer } from "./node-layer.ts";
import type { Recipe } from "./recipe.ts";

/**
 * There is one of it for every pod, so it is small before it is fast: what each of these saves, docs/decisions/0031 tells and
 * bench/sidecar.ts measures.
 */
export const GATEWAY_FLAGS = [
  // A signal must not open a debugger's port (SIGUSR1 does, without this).
  "--disable-sigusr1",
  ...WORKER_NODE_FLAGS,
  "--max-semi-space-size=1",
  "--v8-pool-size=1",
  // Half of the container's memory: the rest is for what is not V8's, which are buffers and the parser.
  "--max-old-space-size=128",
] as const;

/** One arena for all threads of malloc, in place of one for each. */
export const GATEWAY_ENVIRONMENT = { NODE_ENV: "production", MALLOC_ARENA_MAX: "1" } as const;

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

export async function gateway(tag: string, bundle: Bundle): Promise<Recipe> {
  return {
    name: `sallyport/gateway:${tag}`,
    config: {
      user: "65532:65532",
      entrypoint: gatewayCommand("/launcher", `/${NODE_PATH}`, `/${APP}/gateway.js`),
      folder: `/${APP}`,
      environment: GATEWAY_ENVIRONMENT,
    },
    layers: [
      nodeLayer(),
      [
        { kind: "file", path: "launcher", content: { file: await compiled("launcher") }, mode: 0o755 },
        ...(await bundleLayer(["gateway", "aside-worker"], bundle)),
      ],
    ],
  };
}
