/** T28: data carried out in the names that are asked for. */
import { AGENT, type Place, WORLD, outputIn, startIn } from "#test/capture/support/network.ts";
import type { LiveThreat, Result } from "../support/duel.ts";
import { type NetworkField, UPSTREAM_NAME, programOf } from "./support/field.ts";

const QUESTIONS = 400;
/** Each of them would be glad to hear; the last is the gateway's own name server. */
const SERVERS = [WORLD.v4, WORLD.v6, WORLD.resolver6, WORLD.resolver];

/** How much of what names carried was heard out there, by the owner of the name server and by the one that the gateway asks. */
async function carried({ pod }: NetworkField, place: Place, servers: readonly string[]): Promise<Result> {
  const addresses = SERVERS.filter((server) => server !== WORLD.resolver);
  await using colluder = await startIn(pod.network.world, undefined, [
    "/usr/bin/python3",
    programOf("colluder.py"),
    ...addresses,
  ]);
  await colluder.line(/^listening$/m);
  const asked = pod.outside.output().length;
  const fromMs = performance.now();
  const words = [programOf("tunnel.py"), String(QUESTIONS), UPSTREAM_NAME, ...servers];
  const codes = (await outputIn(place, AGENT, "/usr/bin/python3", ...words)).trim();
  const minutes = (performance.now() - fromMs) / 60_000;
  const heard = [...colluder.output().matchAll(/^bytes (\d+)$/gm)].reduce(
    (sum, [, bytes]) => sum + Number(bytes),
    0,
  );
  const passedOn = pod.outside
    .output()
    .slice(asked)
    .split("\n")
    .filter((line) => line.startsWith("asked ") && line !== `asked ${UPSTREAM_NAME}`);
  const rate = Math.round((heard + passedOn.join("").length) / minutes);
  return { hasWorked: rate > 0, said: `${rate} bytes a minute got out of ${QUESTIONS} questions; ${codes}` };
}

export const DNS_TUNNEL: LiveThreat<NetworkField> = {
  id: "T28",
  title: "a tunnel in names, through the resolver or past it",
  duels: [
    {
      name: "data in labels, random or of words, over UDP and TCP, to any server",
      without: (field) => carried(field, field.pod.network.bare, SERVERS),
      with: (field) => carried(field, field.pod.network.pod, SERVERS),
      stopped: /^0 bytes a minute/,
    },
  ],
};
