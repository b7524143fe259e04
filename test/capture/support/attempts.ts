/** What containers try, and who is there to be reached. */
import { fileURLToPath } from "node:url";
import type { Child } from "#tools/world/child.ts";
import { AGENT, type As, GATEWAY, type Place, WORLD, outputIn, startIn } from "./network.ts";

export interface Attempt {
  readonly protocol: "tcp" | "mptcp" | "udp" | "udplite" | "sctp" | "ping" | "ping6" | "raw" | "frame";
  readonly host: string;
  readonly port?: number;
  readonly source?: string;
  readonly sourcePort?: number;
  readonly device?: string;
  readonly mark?: number;
  /** Becomes that user first. */
  readonly setuid?: number;
  /** To wait for an answer: long, but where none is expected. */
  readonly seconds?: number;
}

export interface Outcome {
  /** `answered`, `silence`, or the kernel's word. */
  readonly outcome: string;
  /** Who answered, and for TCP whom it thinks it was asked for. */
  readonly by?: string;
  readonly from?: string;
  readonly fromPort?: number;
}

const program = (name: string): string => fileURLToPath(new URL(`../programs/${name}`, import.meta.url));

export async function attempt(
  place: Place,
  attempts: readonly Attempt[],
  as: As = AGENT,
): Promise<Outcome[]> {
  const output = await outputIn(
    place,
    as,
    "/usr/bin/python3",
    program("attack.py"),
    JSON.stringify(attempts),
  );
  return JSON.parse(output) as Outcome[];
}

export async function attemptOne(place: Place, one: Attempt, as: As = AGENT): Promise<Outcome> {
  const [outcome] = await attempt(place, [one], as);
  if (outcome === undefined) throw new Error("the attempt has no outcome");
  return outcome;
}

export interface Serving {
  readonly name: string;
  readonly tcp?: readonly number[];
  readonly udp?: readonly number[];
  readonly addresses: readonly string[];
}

/** Answers everyone with its name. */
export async function serve(place: Place, as: As | undefined, what: Serving): Promise<Child> {
  const { name, tcp = [], udp = [], addresses } = what;
  const words = [program("server.py"), name, tcp.join(","), udp.join(","), ...addresses];
  const server = await startIn(place, as, ["/usr/bin/python3", ...words]);
  await server.line(/^listening$/m);
  return server;
}

const MARKER: Attempt = { protocol: "udp", host: WORLD.v4, port: 9_999, seconds: 0.01 };

/**
 * What arrives at the world's end of a pod's line meanwhile, `protocol source destination port` each. The gateway, which may, sends
 * the last packet: what was sent before it has arrived before it.
 */
export async function leaving(
  { world, place, device }: { readonly world: Place; readonly place: Place; readonly device: string },
  act: () => Promise<unknown>,
): Promise<string[]> {
  await using wire = await startIn(world, undefined, ["/usr/bin/python3", program("sniff.py"), device]);
  await wire.line(/^listening$/m);
  await act();
  await attemptOne(place, MARKER, GATEWAY);
  await wire.line(new RegExp(`^17 .* ${MARKER.port}$`, "m"));
  return wire
    .output()
    .split("\n")
    .filter((line) => line !== "" && line !== "listening" && !line.endsWith(` ${MARKER.port}`));
}
