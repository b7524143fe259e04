/** T21: the capture port dialled by its number: a destination that nobody dialled, or another pod's agent. */
import { serve } from "#test/capture/support/attempts.ts";
import { GATEWAY, type Place } from "#test/capture/support/network.ts";
import { CAPTURE_PORT, DNS_PORT } from "#sidecar/pod/ports.ts";
import type { Duel, LiveThreat } from "../support/duel.ts";
import type { NetworkField } from "./support/field.ts";
import { dial } from "./support/trying.ts";

/** A gateway that listened at every address and took whoever comes. */
const open = (place: Place): ReturnType<typeof serve> =>
  serve(place, GATEWAY, {
    name: "GATEWAY",
    tcp: [CAPTURE_PORT, DNS_PORT],
    addresses: ["127.0.0.1", place.ipv4, place.ipv6],
  });

const direct = (name: string, hostOf: (place: Place) => string, port: number): Duel<NetworkField> => ({
  name,
  without: async ({ pod: { network } }) => {
    await using _open = await open(network.bare);
    const [said = ""] = await dial(network.bare, [{ host: hostOf(network.bare), port }]);
    return { hasWorked: said.startsWith("GATEWAY"), said };
  },
  with: async ({ pod: { network } }) => {
    const [said = ""] = await dial(network.pod, [{ host: hostOf(network.pod), port }]);
    return { hasWorked: said !== "ECONNREFUSED", said };
  },
  stopped: /^ECONNREFUSED$/,
});

const fromOutside = (name: string, hostOf: (place: Place) => string): Duel<NetworkField> => ({
  name,
  without: async ({ pod: { network } }) => {
    await using _open = await open(network.bare);
    const [said = ""] = await dial(network.world, [{ host: hostOf(network.bare), port: CAPTURE_PORT }]);
    return { hasWorked: said.startsWith("GATEWAY"), said };
  },
  with: async ({ pod: { network } }) => {
    const [said = ""] = await dial(network.world, [
      { host: hostOf(network.pod), port: CAPTURE_PORT, seconds: 0.5 },
    ]);
    return { hasWorked: said !== "silence", said };
  },
  stopped: /^silence$/,
});

export const CAPTURE_PORTS: LiveThreat<NetworkField> = {
  id: "T21",
  title: "the gateway's ports are dialled by their number",
  duels: [
    direct("the capture port by loopback", () => "127.0.0.1", CAPTURE_PORT),
    direct("by the pod's own address", ({ ipv4 }) => ipv4, CAPTURE_PORT),
    direct("by its IPv6 address", ({ ipv6 }) => ipv6, CAPTURE_PORT),
    direct("the port of names by loopback", () => "127.0.0.1", DNS_PORT),
    fromOutside("from another pod", ({ ipv4 }) => ipv4),
    fromOutside("from another pod over IPv6", ({ ipv6 }) => ipv6),
  ],
};
