/** T6, of the credential: what can be read off the pod's interfaces while somebody has a session. */
import { AGENT, type As, type Place, startIn } from "#test/capture/support/network.ts";
import { UPSTREAM_PASSWORD } from "#test/gateway/support/kinds.ts";
import type { LiveThreat, Result } from "../support/duel.ts";
import { type NetworkField, programOf } from "./support/field.ts";
import { READ, served } from "./support/psql.ts";
import { startHostile } from "./support/hostile.ts";

/** The capability given back that every injected container has lost. */
const RAW: As = { uid: 0, capabilities: ["net_raw"] };

const TOLD_MS_MAX = 20_000;

/** Everything that is on the pod's interfaces while `act` goes on, up to the word; what is said when they may not be read. */
async function tapped(
  place: Place,
  as: As,
  act: () => Promise<unknown>,
  word: string,
): Promise<Buffer | string> {
  await using tap = await startIn(place, as, ["/usr/bin/python3", programOf("tap.py")]);
  const [first = ""] = await tap.line(/^.+$/m);
  if (first !== "listening") return first;
  await act();
  // The tap tells of a frame somewhat after it was there. Where the word is in none, that is for the caller to judge.
  await tap.line(new RegExp(Buffer.from(word).toString("hex")), TOLD_MS_MAX).catch(() => undefined);
  const frames = tap.output().matchAll(/^\S+ ([0-9a-f]+)$/gm);
  return Buffer.concat([...frames].map(([, hex = ""]) => Buffer.from(hex, "hex")));
}

const seen = (frames: Buffer | string, word: string): Result => {
  if (typeof frames === "string") return { hasWorked: false, said: frames };
  const said = `${frames.includes(word) ? "read off" : "not"} in ${frames.length} bytes of frames`;
  return { hasWorked: frames.includes(word), said };
};

export const FRAMES: LiveThreat<NetworkField> = {
  id: "T6",
  title: "frames of the pod's interfaces are read",
  duels: [
    {
      name: "another container's session is read off loopback",
      without: async ({ pod }) => seen(await tapped(pod.network.pod, RAW, () => served(pod), READ), READ),
      with: async ({ pod }) => seen(await tapped(pod.network.pod, AGENT, () => served(pod), READ), READ),
      stopped: /^EPERM$/,
    },
    {
      name: "the upstream's credential is read, by one who may read everything",
      // A pod that has the password itself, and says it to the server.
      without: async ({ pod }) => {
        const { bare, world } = pod.network;
        await using hostile = await startHostile(world, { tls: undefined });
        const ask = () => hostile.signIn(bare, UPSTREAM_PASSWORD);
        return seen(await tapped(bare, RAW, ask, UPSTREAM_PASSWORD), UPSTREAM_PASSWORD);
      },
      with: async ({ pod }) => {
        const frames = await tapped(pod.network.pod, RAW, () => served(pod), READ);
        const control = seen(frames, READ);
        return control.hasWorked ? seen(frames, UPSTREAM_PASSWORD) : { ...control, hasWorked: true };
      },
      stopped: /^not in \d{4,} bytes/,
    },
  ],
};
