/** Every threat that is fought in network namespaces, a file each. */
import type { LiveThreat } from "../support/duel.ts";
import type { NetworkField } from "./support/field.ts";
import { FRAMES } from "./t06-frames.ts";
import { MEMORY } from "./t15-memory.ts";
import { RESOLUTION } from "./t18-resolution.ts";
import { LOCAL_PORTS } from "./t20-local-ports.ts";
import { CAPTURE_PORTS } from "./t21-capture-port.ts";
import { PLACE_OF_THE_GATEWAY } from "./t22-place-of-the-gateway.ts";
import { HANDED_ON } from "./t23-connections-handed-on.ts";
import { OTHER_PROTOCOLS } from "./t24-other-protocols.ts";
import { IPV6 } from "./t25-ipv6.ts";
import { ODD_SOCKETS } from "./t26-odd-sockets.ts";
import { OWN_NAMESPACES } from "./t27-own-namespaces.ts";
import { DNS_TUNNEL } from "./t28-dns-tunnel.ts";
import { EXCEPTIONS } from "./t29-exceptions.ts";
import { NAMES_IN_TLS } from "./t30-names-in-tls.ts";
import { INBOUND } from "./t31-inbound.ts";
import { SILENT_KERNEL } from "./t42-silent-kernel.ts";
import { FLOODS } from "./t45-floods.ts";
import { ECHOES } from "./t46-echoes.ts";

export const NETWORK_THREATS: readonly LiveThreat<NetworkField>[] = [
  FRAMES,
  MEMORY,
  RESOLUTION,
  LOCAL_PORTS,
  CAPTURE_PORTS,
  PLACE_OF_THE_GATEWAY,
  HANDED_ON,
  OTHER_PROTOCOLS,
  IPV6,
  ODD_SOCKETS,
  OWN_NAMESPACES,
  DNS_TUNNEL,
  EXCEPTIONS,
  NAMES_IN_TLS,
  INBOUND,
  SILENT_KERNEL,
  FLOODS,
  ECHOES,
];
