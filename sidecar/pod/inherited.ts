/**
 * Listeners that the launcher opened before this process and keeps open after it, by the convention of sd_listen_fds(3): whoever
 * connects while the gateway starts again waits, and nobody else can have the port. Where there is no launcher, we open our own.
 */
import { isIPv6 } from "node:net";

/** What to listen at for a port of ours: what was inherited for it, or the address itself. */
export type Place = (host: string, port: number) => At;

export interface At {
  readonly host?: string;
  readonly port?: number;
  readonly exclusive?: boolean;
  readonly fd?: number;
}

const FIRST = 3;
const EVERYWHERE: readonly string[] = ["::", "0.0.0.0"];

export const ownPlace: Place = (host, port) => ({ host, port, exclusive: true });

export function inheritedPlaces(variables: Readonly<Record<string, string | undefined>>, pid: number): Place {
  // What was meant for another process, as for our parent, says nothing of our own descriptors.
  if (variables["LISTEN_PID"] !== String(pid)) return ownPlace;
  const names = (variables["LISTEN_FDNAMES"] ?? "").split(":").slice(0, Number(variables["LISTEN_FDS"]));
  const descriptors = new Map(names.map((name, index) => [name, FIRST + index]));
  return (host, port) => {
    const family = EVERYWHERE.includes(host) ? "" : isIPv6(host) ? "6" : "4";
    const fd = descriptors.get(`tcp${family}-${port}`);
    return fd === undefined ? ownPlace(host, port) : { fd };
  };
}
