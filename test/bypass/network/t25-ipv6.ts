/** T25: the other family, which rules for one alone would leave open. */
import { WORLD } from "#test/capture/support/network.ts";
import type { LiveThreat } from "../support/duel.ts";
import type { NetworkField } from "./support/field.ts";
import { dialling, sending } from "./support/trying.ts";

export const IPV6: LiveThreat<NetworkField> = {
  id: "T25",
  title: "the same over IPv6",
  duels: [
    dialling("TCP", () => [{ host: WORLD.v6, port: 443 }], /^DESTINATION_UNKNOWN$/),
    sending("QUIC", () => [{ protocol: "udp", host: WORLD.v6, port: 443, seconds: 0.2 }], {
      stopped: /^EPERM$/,
    }),
    dialling(
      "an IPv4 address in IPv6's clothes",
      () => [{ host: `::ffff:${WORLD.v4}`, port: 443 }],
      /^DESTINATION_UNKNOWN$/,
    ),
  ],
};
