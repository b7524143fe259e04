/** T27: namespaces of the agent's own, in which it is root. */
import { AGENT, type As, type Network, WORLD, outputIn } from "#test/capture/support/network.ts";
import { serve } from "#test/capture/support/attempts.ts";
import { runGwInit } from "#test/capture/support/gw-init.ts";
import type { LiveThreat, Result } from "../support/duel.ts";
import { type NetworkField, programOf } from "./support/field.ts";

/** What containers have elsewhere, and what takes it to leave these rules. */
const MIGHTY: As = { uid: 0, capabilities: ["net_admin", "sys_admin"] };
const DIAL = `exec /usr/bin/python3 ${programOf("dial.py")} '[{"host":"${WORLD.v4}","port":443,"seconds":3}]'`;

/** The pod's own device, carried into a namespace where there are no rules. */
const carry = (unshare: string): string => `
${unshare} sh -c 'echo there; exec sleep 30' >/tmp/.sallyport-there-$$ & child=$!
until grep -q there /tmp/.sallyport-there-$$; do sleep 0.02; done; rm /tmp/.sallyport-there-$$
trap 'kill $child' EXIT
ip link set eth0 netns $child || exit 0
nsenter -t $child -n sh -c 'ip link set lo up; ip addr add 10.244.1.5/24 dev eth0; ip link set eth0 up; ip route add default via 10.244.1.1; ${DIAL.replaceAll("'", "'\\''")}'`;

const shell = async ({ pod }: Network, as: As, script: string): Promise<Result> => {
  const said = (await outputIn(pod, as, "sh", "-c", `{ ${script}\n} 2>&1`)).trim();
  return { hasWorked: said.includes("WORLD"), said };
};

/** A pod of its own, since what works here takes its network apart. */
async function inAPod(
  { spare, init }: NetworkField,
  act: (network: Network) => Promise<Result>,
): Promise<Result> {
  await using network = await spare();
  await using _world = await serve(network.world, undefined, {
    name: "WORLD",
    tcp: [443],
    addresses: [WORLD.v4],
  });
  const { status } = runGwInit(init.file, network.pod);
  if (status !== 0) throw new Error("the pod is not captured");
  return await act(network);
}

export const OWN_NAMESPACES: LiveThreat<NetworkField> = {
  id: "T27",
  title: "user and network namespaces of the agent's own",
  duels: [
    {
      name: "the pod's device carried into a namespace without rules",
      without: (field) => inAPod(field, (network) => shell(network, MIGHTY, carry("unshare --net"))),
      with: (field) =>
        inAPod(field, (network) => shell(network, AGENT, carry("unshare --user --map-root-user --net"))),
      stopped: /Operation not permitted/,
    },
    {
      name: "a namespace of one's own, with its own way out",
      without: (field) => inAPod(field, (network) => shell(network, MIGHTY, carry("unshare --net"))),
      with: (field) =>
        inAPod(field, (network) =>
          shell(
            network,
            AGENT,
            `unshare --user --map-root-user --net sh -c '${DIAL.replaceAll("'", "'\\''")}'`,
          ),
        ),
      stopped: /ENETUNREACH/,
    },
    {
      name: "the rules flushed by root of a namespace",
      without: (field) => inAPod(field, (network) => shell(network, MIGHTY, `nft flush ruleset; ${DIAL}`)),
      with: (field) =>
        inAPod(field, (network) =>
          shell(network, AGENT, `unshare --user --map-root-user nft flush ruleset; ${DIAL}`),
        ),
      // Nobody listens for what is captured in this pod.
      stopped: /Operation not permitted[^]*ECONNREFUSED/,
    },
  ],
};
