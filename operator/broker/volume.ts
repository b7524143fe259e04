/**
 * Whether the replica's volume takes what is written to it. The trail says so when it has something to write, and a replica that
 * nobody uses must not be called ready on the strength of its last session.
 */
import { join } from "node:path";
import { causeOf } from "#broker/note.ts";
import type { Disk } from "#broker/trail/disk.ts";

export interface VolumeWatch extends AsyncDisposable {
  /** In words; undefined while all is well. */
  problem(): string | undefined;
}

export interface VolumeOptions {
  readonly disk: Disk;
  /** Of ours alone; made when absent. */
  readonly directory: string;
  readonly everyMs: number;
  readonly monotonicMs: () => number;
  /** After each try that went well. */
  readonly onWritten: () => void;
}

const PROBE = "probe";
/** A write that takes longer tells of a volume that hangs: it may never come back, and nothing can be done about it from here. */
const ANSWER_MS_MAX = 5_000;

/** Resolves when the volume has been tried once. */
export async function watchVolume(options: VolumeOptions): Promise<VolumeWatch> {
  const { everyMs, monotonicMs, onWritten } = options;
  let problem: string | undefined;
  let tryingSinceMs: number | undefined;
  let trying: Promise<void> | undefined;
  await options.disk.makeDirectory(options.directory, 0o700);

  async function attempt(): Promise<void> {
    tryingSinceMs = monotonicMs();
    try {
      await writeOnce(options);
      problem = undefined;
      onWritten();
    } catch (error) {
      problem = causeOf(error);
    }
    tryingSinceMs = undefined;
  }
  const again = (): void => {
    trying ??= attempt().finally(() => {
      trying = undefined;
    });
  };
  await attempt();
  const timer = setInterval(again, everyMs).unref();
  return {
    problem: () => {
      const hangs = tryingSinceMs !== undefined && monotonicMs() - tryingSinceMs > ANSWER_MS_MAX;
      return hangs ? "the volume does not answer" : problem;
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await trying;
    },
  };
}

/** As the trail does it: a new file, its bytes, both durable. */
async function writeOnce({ disk, directory }: VolumeOptions): Promise<void> {
  const path = join(directory, PROBE);
  // Of a replica that was killed at it.
  if ((await disk.list(directory)).includes(PROBE)) await disk.remove(path);
  await using file = await disk.create(path, 0o600);
  await file.write(Buffer.from("ok\n"), 0);
  await file.sync();
  await disk.remove(path);
  await disk.syncDirectory(directory);
}
