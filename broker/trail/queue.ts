/** Group commit: what comes while one group is being stored makes up the next. */

export interface GroupQueueOptions<Item> {
  readonly weightBytes: (item: Item) => number;
  /** A group is closed by the item that reaches this. */
  readonly groupBytesMax: number;
  /** More than this waiting: no further item is taken. */
  readonly queueBytesMax: number;
  /** Stores the items and answers each; it settles them all and does not reject. */
  readonly commit: (items: readonly Item[]) => Promise<void>;
}

export interface GroupQueue<Item> {
  /** False when too much is waiting already. */
  add(item: Item): boolean;
  /** Resolves when everything that was added has been answered. */
  drained(): Promise<void>;
}

export function groupQueue<Item>(options: GroupQueueOptions<Item>): GroupQueue<Item> {
  const waiting: Item[] = [];
  let waitingBytes = 0;
  let running: Promise<void> | undefined;

  function nextGroup(): Item[] {
    const group: Item[] = [];
    let groupBytes = 0;
    while (groupBytes < options.groupBytesMax) {
      const item = waiting[group.length];
      if (item === undefined) break;
      group.push(item);
      groupBytes += options.weightBytes(item);
    }
    waiting.splice(0, group.length);
    waitingBytes -= groupBytes;
    return group;
  }

  async function run(): Promise<void> {
    // Whatever else arrives in this turn of the loop belongs to the same group.
    await Promise.resolve();
    while (waiting.length > 0) await options.commit(nextGroup());
    running = undefined;
  }

  return {
    add: (item) => {
      const weight = options.weightBytes(item);
      if (waiting.length > 0 && waitingBytes + weight > options.queueBytesMax) return false;
      waiting.push(item);
      waitingBytes += weight;
      running ??= run();
      return true;
    },
    drained: async () => {
      for (let current = running; current !== undefined; current = running) await current;
    },
  };
}
