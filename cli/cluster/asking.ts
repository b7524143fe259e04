/** What commands that ask the brokers have in common. */
import { count } from "../frame/text.ts";
import type { Io } from "../frame/io.ts";
import { painter, printable } from "../frame/paint.ts";
import { BROKER_OPTION, type Brokers, type Silent, openBrokers } from "./brokers.ts";
import { PLACE_OPTIONS, type Place, type PlaceOptions, openPlace } from "./place.ts";
import type { CommandResult } from "../frame/command.ts";

export const ASKING_OPTIONS = { ...PLACE_OPTIONS, ...BROKER_OPTION } as const;

export interface Asking {
  readonly place: Place;
  readonly brokers: Brokers;
}

export type AskingOptions = PlaceOptions & { readonly broker: readonly string[] };

const NO_ADDRESS = "--broker takes HOST:PORT";
const ADDRESS = /^(\[[0-9a-fA-F:.]+\]|[^:]+):[0-9]{1,5}$/;

export async function withBrokers(
  given: AskingOptions,
  io: Io,
  work: (asking: Asking) => Promise<CommandResult>,
): Promise<CommandResult> {
  if (!given.broker.every((each) => ADDRESS.test(each))) return { cannotRun: NO_ADDRESS };
  const place = openPlace(given);
  if ("cannotRun" in place) return place;
  using _place = place;
  await using brokers = openBrokers(place, given.broker, io.nowMs);
  // Awaited here: what was opened is closed behind it.
  return await work({ place, brokers });
}

/** The namespace of the question, in a path. */
export function inNamespace(path: string, { namespace }: Place, everywhere: boolean): string {
  return everywhere ? path : `${path}?namespace=${encodeURIComponent(namespace)}`;
}

/** An answer that lacks what others know of is said to be one. */
export function mentionSilent(silent: readonly Silent[], io: Io): void {
  if (silent.length === 0) return;
  const paint = painter(io.err.colour);
  io.err.write(
    `${paint("yellow", "note:")} ${count(silent.length, "broker")} did not answer, and what only they know is missing\n`,
  );
  for (const { replica, problem } of silent) io.err.write(`  ${printable(`${replica}: ${problem}`)}\n`);
}
