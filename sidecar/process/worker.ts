/** A data plane worker as a process: started, told and ended by its supervisor, and by nobody else. */
import { Socket } from "node:net";
import { type Log, openLog } from "#runtime/log.ts";
import { type Packed, pack, unpack } from "#runtime/process-messages.ts";
import { workerOf } from "../gateway/cancel-keys.ts";
import { type DataPlane, openDataPlane } from "./data-plane.ts";
import { type FromWorker, type ToWorker, type WorkerSettings, fromWorker, toWorker } from "./messages.ts";

/** How a process of Node speaks with the one that started it. */
export type Channel = Pick<NodeJS.Process, "on" | "exit"> & {
  readonly send?: ((message: Packed, callback: (error: Error | null) => void) => boolean) | undefined;
};

const STATE_MS = 250;
/** When the supervisor is gone: enough to end sessions properly and to have that recorded. */
const ORPHAN_MS_MAX = 3_000;

export function runWorker(channel: Channel, write: (line: string) => void): void {
  let running: { readonly plane: DataPlane; readonly stop: () => Promise<void> } | undefined;
  const tell = (message: FromWorker): void => {
    // A supervisor that is gone is told by `disconnect`.
    channel.send?.(pack(fromWorker, message), () => undefined);
  };

  function begin(settings: WorkerSettings): void {
    const log = openLog({
      write,
      nowMs: Date.now,
      level: settings.logLevel,
      fields: { worker: settings.worker },
    });
    running = start(settings, log, tell);
    tell({ kind: "started" });
  }

  async function leave(graceMs: number): Promise<void> {
    await running?.plane.gateway.drain(graceMs);
    await running?.stop();
    channel.exit(0);
  }

  function take(message: ToWorker, handle: unknown): void {
    if (message.kind === "start") return begin(message.settings);
    if (running === undefined) throw new Error(`${message.kind} before start`);
    const { plane } = running;
    switch (message.kind) {
      case "listeners":
        return plane.update(message.listeners);
      case "client":
        tell({ kind: "taken", id: message.id });
        // Without a socket it was gone again before it got here.
        if (handle instanceof Socket) acceptFrom(plane, handle, message.listener);
        return;
      case "cancel":
        return plane.gateway.cancel(message.key);
      case "metrics":
        return void plane.metrics().then((text) => tell({ kind: "metrics", id: message.id, text }));
      case "drain":
        return void leave(message.graceMs);
    }
  }

  channel.on("message", (packed: unknown, handle: unknown) => take(unpack(toWorker, packed), handle));
  // Nobody is left who could give work, and nobody may be left working without one who watches.
  channel.on("disconnect", () => {
    setTimeout(() => channel.exit(1), ORPHAN_MS_MAX).unref();
    void leave(0);
  });
  // A terminal sends these to every process in it; when to end is the supervisor's to say.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) channel.on(signal, () => undefined);
}

function start(settings: WorkerSettings, log: Log, tell: (message: FromWorker) => void) {
  const plane = openDataPlane({
    settings,
    log,
    passCancel: (key) => {
      if (workerOf(key) === settings.worker) plane.gateway.cancel(key);
      else tell({ kind: "cancel", key });
    },
  });
  let said = "";
  const state = setInterval(() => {
    const { gateway, isConnected } = plane;
    const message: FromWorker = {
      kind: "state",
      isConnected,
      planVersion: gateway.planVersion ?? "",
      sessions: gateway.sessionCount,
      missing: isConnected ? gateway.notReady() : ["no connection to the broker"],
    };
    const text = JSON.stringify(message);
    if (text !== said) tell(message);
    said = text;
  }, STATE_MS);
  return {
    plane,
    stop: async () => {
      clearInterval(state);
      await plane[Symbol.asyncDispose]();
    },
  };
}

function acceptFrom(plane: DataPlane, client: Socket, listener: string): void {
  // Crossing from one process to the other it lost this: a client that has said all may still be answered.
  client.allowHalfOpen = true;
  plane.accept(client, listener);
}
