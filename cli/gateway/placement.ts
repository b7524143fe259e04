/** Hands clients to workers in turn. While none is there they wait, unread, and not for ever. */
import type { Socket } from "node:net";

export interface Placement {
  place(client: Socket, listener: string): void;
  /** A worker is there (again). */
  retry(): void;
  close(): void;
}

export interface PlacementOptions {
  /** Workers that serve; asked each time. */
  readonly ready: () => readonly Target[];
  readonly waitMs?: number;
}

export interface Target {
  /** False when it is gone. */
  take(client: Socket, listener: string): boolean;
}

interface Waiting {
  readonly client: Socket;
  readonly listener: string;
  readonly late: NodeJS.Timeout;
}

const WAITING_MAX = 1_024;
const WAIT_MS = 10_000;

export function openPlacement({ ready, waitMs = WAIT_MS }: PlacementOptions): Placement {
  const waiting = new Set<Waiting>();
  let turn = 0;
  let isClosed = false;

  function hand(client: Socket, listener: string): boolean {
    const targets = ready();
    for (let tried = 0; tried < targets.length; tried += 1) {
      turn = (turn + 1) % targets.length;
      if (targets[turn]?.take(client, listener) === true) return true;
    }
    return false;
  }

  function wait(client: Socket, listener: string): void {
    if (isClosed || waiting.size >= WAITING_MAX) return void client.destroy();
    const late = setTimeout(() => {
      waiting.delete(entry);
      client.destroy();
    }, waitMs);
    const entry = { client, listener, late };
    waiting.add(entry);
  }

  return {
    place(client, listener) {
      // A client that resets the connection while it is on its way is nobody's bug.
      client.on("error", () => client.destroy());
      if (!hand(client, listener)) wait(client, listener);
    },
    retry() {
      for (const entry of waiting) {
        if (!hand(entry.client, entry.listener)) return;
        clearTimeout(entry.late);
        waiting.delete(entry);
      }
    },
    close() {
      isClosed = true;
      for (const { client, late } of waiting) {
        clearTimeout(late);
        client.destroy();
      }
      waiting.clear();
    },
  };
}
