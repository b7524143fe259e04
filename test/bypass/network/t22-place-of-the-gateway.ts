/** T22: the gateway is brought down, and somebody else of the pod listens in its place. */
import { chmodSync, copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "#test/capture/support/attempts.ts";
import { READY, startGateway } from "#test/capture/support/gateway.ts";
import { runGwInit } from "#test/capture/support/gw-init.ts";
import { AGENT, type Network, WORLD, startIn } from "#test/capture/support/network.ts";
import { until } from "#test/installed/support/until.ts";
import { bundled } from "#tools/images/bundles.ts";
import { compiled } from "#tools/images/c-program.ts";
import { GATEWAY_FLAGS, gatewayCommand } from "#tools/images/gateway.ts";
import type { LiveThreat, Result } from "../support/duel.ts";
import type { NetworkField } from "./support/field.ts";
import { dial } from "./support/trying.ts";

const TAKE_PORTS = fileURLToPath(new URL("../../capture/programs/take-ports.py", import.meta.url));
const KILLS = 3;

interface Programs extends Disposable {
  readonly launcher: string;
  readonly gateway: string;
}

/** As they are in the image. */
async function programs(): Promise<Programs> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-place-"));
  chmodSync(folder, 0o755);
  const launcher = join(folder, "launcher");
  copyFileSync(await compiled("launcher"), launcher);
  chmodSync(launcher, 0o755);
  cpSync(await bundled(["gateway"]), folder, { recursive: true });
  const gateway = join(folder, "gateway.js");
  return { launcher, gateway, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

async function inAPod(
  { spare, init }: NetworkField,
  act: (network: Network, of: Programs) => Promise<Result>,
): Promise<Result> {
  await using network = await spare();
  using of = await programs();
  if (runGwInit(init.file, network.pod).status !== 0) throw new Error("the pod is not captured");
  return await act(network, of);
}

/** Tries to have every port of the gateway, by every option that lets sockets share, while `act` goes on. */
async function whileTaking({ pod }: Network, act: () => Promise<void>): Promise<Result> {
  await using taking = await startIn(pod, AGENT, ["/usr/bin/python3", TAKE_PORTS]);
  await taking.line(/^trying$/m);
  await act();
  taking.kill("SIGTERM");
  const [outcomes = "{}"] = await taking.line(/^\{.*\}$/m);
  const hasWorked = Object.keys(JSON.parse(outcomes) as object).some((outcome) =>
    outcome.startsWith("bound"),
  );
  return { hasWorked, said: outcomes };
}

const onlyChildOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ")[0]);

export const PLACE_OF_THE_GATEWAY: LiveThreat<NetworkField> = {
  id: "T22",
  title: "the gateway is killed, and the agent listens in its place",
  duels: [
    {
      name: "its ports are taken before it is started again",
      // The gateway alone, as the container's first process.
      without: (field) =>
        inAPod(field, async (network, { gateway }) => {
          await using child = startGateway(network.pod, [process.execPath, ...GATEWAY_FLAGS, gateway]);
          await child.line(READY);
          child.kill("SIGKILL");
          await child.exited;
          await using _impostor = await serve(network.pod, AGENT, {
            name: "IMPOSTOR",
            tcp: [15_001],
            addresses: ["127.0.0.1"],
          });
          const others = { uid: 10_002 };
          const [said = ""] = await dial(network.pod, [{ host: WORLD.v4, port: 443 }], others);
          return { hasWorked: said.startsWith("IMPOSTOR"), said: `another container reaches ${said}` };
        }),
      with: (field) =>
        inAPod(field, async (network, { launcher, gateway }) => {
          const command = gatewayCommand(launcher, process.execPath, gateway);
          await using child = startGateway(network.pod, command);
          await child.line(READY);
          return await whileTaking(network, async () => {
            for (let kill = 1; kill <= KILLS; kill += 1) {
              const node = onlyChildOf(child.pid);
              process.kill(node, "SIGKILL");
              await child.line(new RegExp(`(?:is started again[^]*?){${kill}}`));
              await until("there is another", () =>
                Promise.resolve(onlyChildOf(child.pid) !== node && onlyChildOf(child.pid) > 0),
              );
            }
          });
        }),
      stopped: /^\{"EADDRINUSE": \d+\}$/,
    },
  ],
};
