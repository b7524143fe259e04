/**
 * Notices that a folder of files has changed. Events of the file system make it quick; looking again at an interval makes it
 * certain, since events are lost on some mounts and say nothing of a symlink swapped above the folder.
 */
import { type FSWatcher, watch } from "node:fs";

export interface WatchOptions<Content> {
  readonly folder: string;
  /** Reads the folder; what it returns is compared by `keyOf`. */
  readonly read: () => Promise<Content>;
  readonly keyOf: (content: Content) => string;
  readonly onChange: (content: Content) => void;
  readonly onError: (error: unknown) => void;
  readonly intervalMs?: number;
  readonly signal: AbortSignal;
}

const INTERVAL_MS = 500;
/** An editor's save is several events; a first look right after the first of them often meets half a file. */
const SETTLE_MS = 25;

export interface Watched {
  /** Reads now, for whoever has just changed something. Resolves when `onChange` has been called with what there is. */
  look(): Promise<void>;
}

/** Reads once, calls `onChange` with that, then with every later content that differs. Resolves after the first. */
export async function watchFolder<Content>(options: WatchOptions<Content>): Promise<Watched> {
  const { signal } = options;
  let key: string | undefined;
  let looking: Promise<void> | undefined;
  let lookAgain = false;

  const look = async (): Promise<void> => {
    const content = await options.read();
    const now = options.keyOf(content);
    if (now === key || signal.aborted) return;
    key = now;
    options.onChange(content);
  };
  // One look at a time: a change that arrives during one is looked at right after it.
  const begin = (): Promise<void> => {
    looking = look().finally(() => {
      looking = undefined;
      if (!lookAgain || signal.aborted) return;
      lookAgain = false;
      request();
    });
    return looking;
  };
  const request = (): void => {
    if (looking === undefined) begin().catch(options.onError);
    else lookAgain = true;
  };

  await look();
  const watcher = openWatcher(options, debounce(request, SETTLE_MS));
  const timer = setInterval(request, options.intervalMs ?? INTERVAL_MS);
  timer.unref();
  signal.addEventListener("abort", () => {
    clearInterval(timer);
    watcher?.close();
  });
  return {
    look: async () => {
      // One that has begun may have read before the change. Its own error is heard where it was begun.
      for (let other = looking; other !== undefined; other = looking) await other.catch(() => undefined);
      await begin();
    },
  };
}

function openWatcher<Content>(options: WatchOptions<Content>, onEvent: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(options.folder, { persistent: false }, onEvent);
    // The interval goes on without it.
    watcher.on("error", options.onError);
    return watcher;
  } catch (error) {
    options.onError(error);
    return undefined;
  }
}

function debounce(call: () => void, delayMs: number): () => void {
  let timer: NodeJS.Timeout | undefined;
  return () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      call();
    }, delayMs).unref();
  };
}
