/**
 * One question, answered again whenever something changes that the answer depends on: observe the world, plan purely, act.
 * Level-based: it never matters what happened, only how things are, so nothing depends on an event that was missed.
 */
import { errorFields, type Log } from "#runtime/log.ts";
import { type Clock, pause, type Random, systemClock } from "./clock.ts";
import { isConflict } from "./error.ts";
import type { ControllerMeter } from "./metrics.ts";
import { openWorkQueue, type WorkQueue } from "./queue.ts";
import { keyOf, type KubeObject, type ObjectKey } from "./resource.ts";
import type { Change, StoreView } from "./store.ts";

export interface Plan<Action> {
  readonly actions: readonly Action[];
  /** Look again then, even if nothing changes. */
  readonly againAfterMs?: number | undefined;
}

export interface Reconciler<World, Action> {
  /** For the log and for metrics. */
  readonly name: string;
  /** Undefined: there is nothing to see to. */
  observe(key: ObjectKey, signal: AbortSignal): Promise<World | undefined>;
  /** Pure. An empty plan is what a world that is as it should be looks like. */
  plan(world: World): Plan<Action>;
  /** May be repeated without harm. */
  apply(action: Action, signal: AbortSignal): Promise<void>;
}

/** Which keys to look at, and when. The type of the objects stays inside. */
export interface Trigger {
  synced(signal: AbortSignal): Promise<void>;
  /** Those of all that is there now. */
  all(): Iterable<ObjectKey>;
  /** Those of each change from now on. Returns what stops that. */
  subscribe(enqueue: (key: ObjectKey) => void): () => void;
}

/** Without `keys` an object is its own concern. With it, both what an object was and what it is may name keys. */
export function trigger<T extends KubeObject>(
  store: StoreView<T>,
  keys: (object: T) => Iterable<ObjectKey> = (object) => [keyOf(object)],
): Trigger {
  const of = ({ old, now }: Change<T>): Set<ObjectKey> =>
    new Set([...(old === undefined ? [] : keys(old)), ...(now === undefined ? [] : keys(now))]);
  return {
    synced: (signal) => store.synced(signal),
    all: () => store.list().flatMap((object) => [...keys(object)]),
    subscribe: (enqueue) => store.onChange((change) => of(change).forEach(enqueue)),
  };
}

export interface ControllerOptions<World, Action> {
  readonly reconciler: Reconciler<World, Action>;
  readonly triggers: readonly Trigger[];
  readonly workers?: number;
  /** Everything is looked at again after this long, in case somebody changed what we do not watch. */
  readonly resyncMs?: number;
  readonly meter?: ControllerMeter;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const WORKERS = 2;
const RESYNC_MS = 10 * 60_000;

/** Begins when everything that triggers it is known. Resolves when the signal has aborted and no worker acts any more. */
export async function runController<World, Action>(options: ControllerOptions<World, Action>): Promise<void> {
  const { triggers, signal, clock = systemClock, reconciler, meter } = options;
  const log = options.log.with({ controller: reconciler.name });
  try {
    await Promise.all(triggers.map((each) => each.synced(signal)));
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
  const queue = openWorkQueue({ clock });
  const enqueue = (key: ObjectKey): void => queue.add(key);
  const enqueueAll = (): void => triggers.forEach((each) => [...each.all()].forEach(enqueue));
  const unsubscribe = triggers.map((each) => each.subscribe(enqueue));
  const close = (): void => queue.close();
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  meter?.depth(() => queue.size);
  enqueueAll();
  try {
    const workers = Array.from({ length: options.workers ?? WORKERS }, () =>
      work({ ...options, log, clock }, queue),
    );
    await Promise.all([...workers, resync(options, enqueueAll)]);
  } finally {
    for (const stop of unsubscribe) stop();
    signal.removeEventListener("abort", close);
  }
}

async function resync<World, Action>(
  {
    clock = systemClock,
    random = Math.random,
    resyncMs = RESYNC_MS,
    signal,
  }: ControllerOptions<World, Action>,
  enqueueAll: () => void,
): Promise<void> {
  // Not all controllers of all replicas at once.
  while (await pause(clock, resyncMs * (0.9 + 0.2 * random()), signal)) enqueueAll();
}

interface Working<World, Action> extends ControllerOptions<World, Action> {
  readonly clock: Clock;
}

async function work<World, Action>(options: Working<World, Action>, queue: WorkQueue): Promise<void> {
  const { signal, log, meter, clock } = options;
  for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
    const startedMs = clock.monotonicMs();
    try {
      // What is still in line belongs to whoever leads next.
      if (signal.aborted) continue;
      const againAfterMs = await reconcile(options, key);
      queue.forget(key);
      if (againAfterMs !== undefined) queue.addAfter(key, againAfterMs);
      meter?.reconciled("done", clock.monotonicMs() - startedMs);
    } catch (error) {
      if (signal.aborted) continue;
      const retryMs = queue.retry(key);
      meter?.reconciled("failed", clock.monotonicMs() - startedMs);
      // Somebody else was quicker: nothing to tell people of.
      if (isConflict(error))
        log.debug("reconcile met a newer version", { key, retryMs, ...errorFields(error) });
      else log.warn("reconcile failed", { key, retryMs, ...errorFields(error) });
    } finally {
      queue.done(key);
    }
  }
}

async function reconcile<World, Action>(
  { reconciler, signal }: ControllerOptions<World, Action>,
  key: ObjectKey,
): Promise<number | undefined> {
  const world = await reconciler.observe(key, signal);
  if (world === undefined) return undefined;
  const { actions, againAfterMs } = reconciler.plan(world);
  for (const action of actions) {
    signal.throwIfAborted();
    await reconciler.apply(action, signal);
  }
  return againAfterMs;
}
