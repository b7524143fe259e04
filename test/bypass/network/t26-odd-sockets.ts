/** T26: sockets that are not the usual ones: several paths, a source or a device of the agent's choice. */
import { WORLD, type Place } from "#test/capture/support/network.ts";
import type { LiveThreat } from "../support/duel.ts";
import type { NetworkField } from "./support/field.ts";
import { dialling, sending } from "./support/trying.ts";

const device = "eth0";
const host = WORLD.v4;

export const ODD_SOCKETS: LiveThreat<NetworkField> = {
  id: "T26",
  title: "MPTCP, a source or a device of the agent's choice",
  duels: [
    dialling("MPTCP", () => [{ host, port: 443, mptcp: true }], /^DESTINATION_UNKNOWN$/),
    dialling(
      "bound to the pod's address",
      ({ ipv4 }: Place) => [{ host, port: 443, source: ipv4 }],
      /^DESTINATION_UNKNOWN$/,
    ),
    dialling(
      "bound to the device that leads out",
      () => [{ host, port: 443, device, seconds: 0.5 }],
      /^silence$/,
    ),
    // The device takes what is for loopback to the node, whose loopback may be open to it.
    sending(
      "loopback's address over the device, to the node",
      () => [{ protocol: "udp", host: "127.0.0.1", port: 5000, device, seconds: 0.2 }],
      { stopped: /^(?:EPERM|silence)$/ },
    ),
  ],
};
