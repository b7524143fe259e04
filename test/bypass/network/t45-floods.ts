/** T45: one container takes all the places that the gateway has, so that the others get none. */
import { runGwInit } from "#test/capture/support/gw-init.ts";
import { AGENT, GATEWAY, type Place, WORLD, startIn } from "#test/capture/support/network.ts";
import type { Child } from "#tools/world/child.ts";
import type { Duel, LiveThreat, Result } from "../support/duel.ts";
import { type NetworkField, programOf } from "./support/field.ts";
import { served } from "./support/psql.ts";
import { dial } from "./support/trying.ts";

interface Flood {
  readonly kind: "silent" | "half" | "heads";
  readonly host: string;
  readonly port: number;
}

/** As many as the gateway has of connections, and of sessions. */
const PLACES = 512;

async function flooding(place: Place, { kind, host, port }: Flood): Promise<Child> {
  const words = ["/usr/bin/python3", programOf("flood.py"), kind, host, String(port)];
  const child = await startIn(place, AGENT, words);
  await child.line(/^flooding$/m);
  return child;
}

/** A gateway that gives a place to whoever comes, and takes it from nobody. */
async function patient({ spare, init }: NetworkField, flood: Flood): Promise<Result> {
  await using network = await spare();
  if (runGwInit(init.file, network.pod).status !== 0) throw new Error("the pod is not captured");
  const words = ["/usr/bin/python3", programOf("patient.py"), String(PLACES)];
  await using gateway = await startIn(network.pod, GATEWAY, words);
  await gateway.line(/^listening$/m);
  const at = { host: WORLD.v4, port: 443 };
  const [before] = await dial(network.pod, [at]);
  if (before !== "SERVED") throw new Error(`nobody is served there at all: ${before}`);
  await using _flood = await flooding(network.pod, { ...flood, host: WORLD.v4 });
  const [said = ""] = await dial(network.pod, [at]);
  return { hasWorked: said !== "SERVED", said: `another container: ${said}` };
}

const flood = (name: string, one: Flood): Duel<NetworkField> => ({
  name,
  without: (field) => patient(field, one),
  with: async ({ pod }) => {
    await using _flood = await flooding(pod.network.pod, one);
    const said = await served(pod);
    return { hasWorked: said !== "served", said };
  },
  stopped: /^served$/,
});

/** Where a Connection is, as `reachedAs` of the pod's plan has it. */
const SESSION = { host: WORLD.v6, port: 6_432 } as const;

export const FLOODS: LiveThreat<NetworkField> = {
  id: "T45",
  title: "floods by one container of the pod",
  duels: [
    flood("connections to nowhere that say nothing", { kind: "silent", host: WORLD.v4, port: 443 }),
    flood("connections to nowhere that say half of it", { kind: "half", host: WORLD.v4, port: 443 }),
    flood("heads of HTTP without an end", { kind: "heads", host: WORLD.v4, port: 80 }),
    flood("sessions of a Connection that say nothing", { kind: "silent", ...SESSION }),
    flood("sessions of a Connection that say half of it", { kind: "half", ...SESSION }),
  ],
};
