/** The same attempts in a pod without rules, where somebody answers, and in the pod as it is, where nobody must hear of them. */
import { type Attempt, attempt, leaving } from "#test/capture/support/attempts.ts";
import { AGENT, type As, type Place, outputIn } from "#test/capture/support/network.ts";
import type { Duel, Result } from "../../support/duel.ts";
import { type NetworkField, programOf } from "./field.ts";

export interface Dial {
  readonly host: string;
  readonly port: number;
  /** Left out: a request of HTTP. */
  readonly say?: string;
  readonly mptcp?: boolean;
  readonly source?: string;
  readonly device?: string;
  readonly sni?: string;
  readonly alpn?: string;
  readonly seconds?: number;
}

export async function dial(place: Place, dials: readonly Dial[], as: As = AGENT): Promise<string[]> {
  const words = ["/usr/bin/python3", programOf("dial.py"), JSON.stringify(dials)] as const;
  return JSON.parse(await outputIn(place, as, ...words)) as string[];
}

/** Each of the dials is answered by the world; or, from the pod, by its gateway, and nothing leaves. */
export const dialling = (
  name: string,
  dialsFrom: (place: Place) => readonly Dial[],
  stopped: RegExp,
): Duel<NetworkField> => ({
  name,
  stopped,
  without: async ({ pod: { network } }) => {
    const answers = await dial(network.bare, dialsFrom(network.bare));
    return { hasWorked: answers.every((answer) => answer.startsWith("WORLD")), said: answers.join(", ") };
  },
  with: ({ pod: { network } }) =>
    kept(network.pod, network.world, () => dial(network.pod, dialsFrom(network.pod))),
});

interface Sending {
  readonly stopped: RegExp;
  readonly as?: As;
  /** Who would have to be there for it to work without us; left out: the same. */
  readonly asWithout?: As;
  /** The kernel lets every group ping, as many clusters have it. */
  readonly mayPing?: boolean;
}

/** For what is no connection. */
export const sending = (
  name: string,
  attempts: (place: Place) => readonly Attempt[],
  { stopped, as = AGENT, asWithout = as, mayPing = false }: Sending,
): Duel<NetworkField> => ({
  name,
  stopped,
  without: async ({ pod: { network } }) => {
    const { bare: place, world } = network;
    let outcomes: readonly string[] = [];
    if (mayPing) await letPing(place);
    const left = await leaving({ world, place, device: "pod2" }, async () => {
      outcomes = await outcomesOf(place, attempts(place), asWithout);
    });
    return { hasWorked: left.length >= attempts(place).length, said: `${outcomes.join(", ")}, and it left` };
  },
  with: async ({ pod: { network } }) => {
    if (mayPing) await letPing(network.pod);
    return kept(network.pod, network.world, () => outcomesOf(network.pod, attempts(network.pod), as));
  },
});

const letPing = (place: Place): Promise<string> =>
  outputIn(place, undefined, "sh", "-c", "echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range");

async function outcomesOf(place: Place, attempts: readonly Attempt[], as: As): Promise<readonly string[]> {
  return (await attempt(place, attempts, as)).map(({ outcome, by }) => by ?? outcome);
}

/** What the agent was told, and whether anything left the pod meanwhile. The gateway has nothing to send while nobody has a session. */
export async function kept(
  place: Place,
  world: Place,
  act: () => Promise<readonly string[]>,
): Promise<Result> {
  let answers: readonly string[] = [];
  const left = await leaving({ world, place, device: "pod1" }, async () => {
    answers = await act();
  });
  const shown = answers.map((answer) => /\{"code":"\w+"/.exec(answer)?.[0].slice(9, -1) ?? answer).join(", ");
  return {
    hasWorked: left.length > 0 || answers.some((answer) => /WORLD|IMPOSTOR/.test(answer)),
    said: left.length > 0 ? `${shown}; left: ${left.join("; ")}` : shown,
  };
}
