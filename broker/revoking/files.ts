/**
 * Revocations of a host: guardrails in a folder of the broker's own, beside the folder of kinds and read with it. What stands in it holds
 * through every restart; docs/decisions/0045 says why it is no list of the broker's.
 */
import { randomBytes } from "node:crypto";
import type { AgentSelector } from "#core/api/kinds.gen.ts";
import { loadKinds } from "#core/api/load.ts";
import {
  REVOCATION_MS_MAX,
  type Revocation,
  revocationGuardrail,
  revocationIn,
  withAllBelow,
} from "#core/policy/revocation.ts";
import { readConfigFiles } from "#runtime/config-files.ts";
import type { Disk } from "../trail/disk.ts";

/** Who shall be out, as whoever asks for it may say it: what is not true of it is refused in words. */
export interface RevocationWish {
  readonly by: string;
  readonly because: string;
  readonly untilMs: number;
  readonly agent: AgentSelector;
  /** In words; the file is called after `about`. */
  readonly whom: string;
  readonly about: string;
}

export interface HostRevocations {
  readonly directory: string;
  /** On disk once it resolves. In words: why it is not to be. */
  add(wish: RevocationWish): Promise<Revocation | string>;
  list(): readonly Revocation[];
  /** Undefined when there is none of that name. */
  remove(name: string): Promise<Revocation | undefined>;
}

const REVOCATIONS_MAX = 512;
/** Then nobody asks any more who was revoked, and the trail knows it. */
const OVER_KEPT_MS = 30 * 24 * 3_600_000;
const MARK_BYTES = 3;

export async function openRevocations(
  directory: string,
  disk: Disk,
  now: () => number,
): Promise<HostRevocations> {
  await disk.makeDirectory(directory, 0o700);
  // What a crash has left half written was told to nobody.
  for (const name of await disk.list(directory))
    if (name.startsWith(".")) await disk.remove(`${directory}/${name}`);
  const pathOf = (name: string): string => `${directory}/${name}.json`;
  const list = (): readonly Revocation[] =>
    loadKinds(readConfigFiles(directory)).policies.flatMap((source) => {
      const found = source.state === "good" ? revocationIn(source.policy) : undefined;
      // What somebody has put there by hand is in force and theirs to take away.
      return found === undefined || source.origin !== pathOf(found.name) ? [] : [found];
    });
  const forget = async (name: string): Promise<void> => {
    await disk.remove(pathOf(name));
    await disk.syncDirectory(directory);
  };
  return {
    directory,
    list,
    async add({ agent, ...wish }) {
      const nowMs = now();
      if (wish.untilMs <= nowMs || wish.untilMs > nowMs + REVOCATION_MS_MAX)
        return "a revocation ends within thirty days, and not before it begins";
      for (const old of list()) if (old.untilMs <= nowMs - OVER_KEPT_MS) await forget(old.name);
      if (list().length >= REVOCATIONS_MAX)
        return `${REVOCATIONS_MAX} revocations are there already; lift what is over, or write a policy for what is to last`;
      const mark = randomBytes(MARK_BYTES).toString("hex");
      const subjects = withAllBelow([agent]);
      const guardrail = revocationGuardrail({ ...wish, scope: "subject", mark, subjects });
      const { name } = guardrail.metadata;
      const text = `${JSON.stringify(guardrail, undefined, 2)}\n`;
      // By the reader of every other file, so that what is written is in force.
      const { diagnostics } = loadKinds([{ path: pathOf(name), text }]);
      const problem = diagnostics.find(({ severity }) => severity === "error");
      if (problem !== undefined) return `${problem.path}: ${problem.message}`;
      await writeWhole(`${directory}/.${name}.new`, pathOf(name), text, disk);
      await disk.syncDirectory(directory);
      return { name, by: wish.by, because: wish.because, whom: wish.whom, untilMs: wish.untilMs };
    },
    async remove(name) {
      const found = list().find((one) => one.name === name);
      if (found !== undefined) await forget(name);
      return found;
    },
  };
}

async function writeWhole(beside: string, path: string, text: string, disk: Disk): Promise<void> {
  {
    await using file = await disk.create(beside, 0o600);
    await file.write(Buffer.from(text), 0);
    await file.sync();
  }
  await disk.rename(beside, path);
}
