/** T24: protocols that nobody redirects. */
import { WORLD } from "#test/capture/support/network.ts";
import type { LiveThreat } from "../support/duel.ts";
import type { NetworkField } from "./support/field.ts";
import { sending } from "./support/trying.ts";

const seconds = 0.2;
/** What no container keeps: even so. */
const withRaw = { uid: 0, capabilities: ["net_raw"] };

export const OTHER_PROTOCOLS: LiveThreat<NetworkField> = {
  id: "T24",
  title: "QUIC, other UDP, ping, protocols that are not TCP",
  duels: [
    sending("QUIC", () => [{ protocol: "udp", host: WORLD.v4, port: 443, seconds }], { stopped: /^EPERM$/ }),
    sending("any other UDP", () => [{ protocol: "udp", host: WORLD.v4, port: 5000, seconds }], {
      stopped: /^EPERM$/,
    }),
    sending("UDP-Lite", () => [{ protocol: "udplite", host: WORLD.v4, port: 443, seconds }], {
      stopped: /^EPERM$/,
      as: withRaw,
    }),
    sending("raw IP, by one who may", () => [{ protocol: "raw", host: WORLD.v4, seconds }], {
      stopped: /^EPERM$/,
      as: withRaw,
    }),
    sending("raw IP, by the agent's own user", () => [{ protocol: "raw", host: WORLD.v4, seconds }], {
      stopped: /^EPERM$/,
      asWithout: withRaw,
    }),
    sending("ping", () => [{ protocol: "ping", host: WORLD.v4, seconds }], {
      stopped: /^EPERM$/,
      mayPing: true,
    }),
    // IPv6 does not tell the sender.
    sending("ping over IPv6", () => [{ protocol: "ping6", host: WORLD.v6, seconds }], {
      stopped: /^silence$/,
      mayPing: true,
    }),
  ],
};
