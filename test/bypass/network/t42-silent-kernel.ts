/** T42: a runtime without netfilter, or one that takes rules and does nothing with them. */
import { fileURLToPath } from "node:url";
import { serve } from "#test/capture/support/attempts.ts";
import { type Said, runGwInit } from "#test/capture/support/gw-init.ts";
import { WORLD } from "#test/capture/support/network.ts";
import type { LiveThreat, Result } from "../support/duel.ts";
import type { NetworkField } from "./support/field.ts";
import { openSilentKernel } from "./support/silent-kernel.ts";
import { dial } from "./support/trying.ts";

const NO_NETLINK = fileURLToPath(new URL("../../capture/programs/no-netlink.py", import.meta.url));

/** What a kubelet does: where gw-init has not succeeded, no container of the pod is started, and nobody dials anything. */
async function afterwards(
  { spare }: NetworkField,
  init: (place: Awaited<ReturnType<NetworkField["spare"]>>["pod"]) => Said,
): Promise<Result> {
  await using network = await spare();
  await using _world = await serve(network.world, undefined, {
    name: "WORLD",
    tcp: [443],
    addresses: [WORLD.v4],
  });
  const { status, cause } = init(network.pod);
  if (status !== 0) return { hasWorked: false, said: `not started: ${cause}` };
  const [said = ""] = await dial(network.pod, [{ host: WORLD.v4, port: 443 }]);
  return { hasWorked: said.startsWith("WORLD"), said: `started, and ${said}` };
}

export const SILENT_KERNEL: LiveThreat<NetworkField> = {
  id: "T42",
  title: "a kernel without netfilter, or one that only says that it has",
  duels: [
    {
      name: "rules that are taken and not in force",
      // One that goes by what the kernel answers, and does not try.
      without: async (field) => {
        using kernel = await openSilentKernel({ isProving: false });
        return await afterwards(field, (place) => runGwInit(kernel.file, place));
      },
      with: async (field) => {
        using kernel = await openSilentKernel({ isProving: true });
        return await afterwards(field, (place) => runGwInit(kernel.file, place));
      },
      stopped: /^not started: NOT_CAPTURED$/,
    },
    {
      name: "no netfilter at all",
      without: async (field) => {
        using kernel = await openSilentKernel({ isProving: false });
        return await afterwards(field, (place) =>
          runGwInit(kernel.file, place, { before: ["/usr/bin/python3", NO_NETLINK] }),
        );
      },
      with: (field) =>
        afterwards(field, (place) =>
          runGwInit(field.init.file, place, { before: ["/usr/bin/python3", NO_NETLINK] }),
        ),
      stopped: /^not started: NO_NFTABLES$/,
    },
  ],
};
