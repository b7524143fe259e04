/** T23: rules know a connection by whoever opened it, so one that the gateway opened and handed on is past them. */
import {
  AGENT,
  type As,
  GATEWAY,
  type Place,
  WORLD,
  outputIn,
  startIn,
} from "#test/capture/support/network.ts";
import type { Child } from "#tools/world/child.ts";
import type { LiveThreat, Result } from "../support/duel.ts";
import { type NetworkField, programOf } from "./support/field.ts";

const PROGRAM = programOf("fd-passing.py");
const ofWorld = (said: string): Result => ({ hasWorked: said.includes("WORLD"), said });

/** A gateway that would hand its connections to whoever asks. */
async function generous(place: Place): Promise<Child> {
  const words = ["/usr/bin/python3", PROGRAM, "give", "gateway", WORLD.v4, "443"];
  const child = await startIn(place, GATEWAY, words);
  await child.line(/^listening/m);
  return child;
}

const run = async (place: Place, as: As, ...words: readonly string[]): Promise<string> =>
  (await outputIn(place, as, "/usr/bin/python3", PROGRAM, ...words)).trim();

export const HANDED_ON: LiveThreat<NetworkField> = {
  id: "T23",
  title: "a connection of the gateway's in the agent's hands",
  duels: [
    {
      name: "asked for, at whatever socket somebody listens",
      without: async ({ pod: { network } }) => {
        await using _gateway = await generous(network.pod);
        return ofWorld(await run(network.pod, AGENT, "take"));
      },
      with: async ({ pod: { network } }) => ofWorld(await run(network.pod, AGENT, "take")),
      stopped: /^nobody listens$/,
    },
    {
      name: "taken out of the gateway's process",
      // By somebody of the same user, and a program that can be read.
      without: async ({ pod: { network } }) => {
        await using gateway = await generous(network.pod);
        return ofWorld(await run(network.pod, GATEWAY, "steal", String(gateway.pid)));
      },
      with: async ({ pod }) => ofWorld(await run(pod.network.pod, AGENT, "steal", String(pod.gateway().pid))),
      stopped: /^EPERM$/,
    },
  ],
};
