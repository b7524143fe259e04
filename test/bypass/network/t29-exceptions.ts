/** T29: destinations that other meshes except: the cloud's metadata, the cluster's API, ports and ranges. */
import { WORLD } from "#test/capture/support/network.ts";
import type { LiveThreat } from "../support/duel.ts";
import type { NetworkField } from "./support/field.ts";
import { dialling } from "./support/trying.ts";

export const EXCEPTIONS: LiveThreat<NetworkField> = {
  id: "T29",
  title: "destinations that others except from capture",
  duels: [
    dialling(
      "the cloud's metadata",
      () => [{ host: WORLD.metadata, port: 80, say: "GET /latest/meta-data/iam/ HTTP/1.0\r\n\r\n" }],
      /^DESTINATION_UNKNOWN$/,
    ),
    dialling("the cluster's API", () => [{ host: WORLD.api, port: 6443 }], /^DESTINATION_UNKNOWN$/),
    dialling(
      "the gateway's own port, elsewhere",
      () => [{ host: WORLD.v4, port: 15_001 }],
      /^DESTINATION_UNKNOWN$/,
    ),
    dialling(
      "what every mesh lets pass: 80 and 443 of a public address",
      () => [80, 443].map((port) => ({ host: WORLD.v4, port })),
      /^DESTINATION_UNKNOWN, DESTINATION_UNKNOWN$/,
    ),
  ],
};
