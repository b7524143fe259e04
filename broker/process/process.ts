/** The broker as a process: started, told and ended by its supervisor, and by nobody else. */
import { type Log, errorFields, openLog } from "#runtime/log.ts";
import { type Packed, pack, unpack } from "#runtime/process-messages.ts";
import { causeOf } from "../note.ts";
import { realDisk } from "../trail/real-disk.ts";
import { CannotRun, type ControlPlane, openControlPlane } from "./control-plane.ts";
import {
  type BrokerSettings,
  type FromBrokerProcess,
  type ToBrokerProcess,
  fromBrokerProcess,
  toBrokerProcess,
} from "./messages.ts";

export type Channel = Pick<NodeJS.Process, "on" | "exit"> & {
  readonly send?: ((message: Packed, callback: (error: Error | null) => void) => boolean) | undefined;
};

const STATE_MS = 250;
/** Data planes whose supervisor is gone too end their sessions within it, and have that recorded. */
const ORPHAN_MS = 1_000;
/** Then the process ends, whatever the upstreams of its leases do: the journal knows what is left to take back. */
const STOP_MS_MAX = 8_000;

export function runBroker(
  channel: Channel,
  variables: Record<string, string | undefined>,
  write: (line: string) => void,
): void {
  let running: Promise<ControlPlane | undefined> | undefined;
  let stopping: Promise<void> | undefined;
  const tell = (message: FromBrokerProcess, told: () => void = () => undefined): void => {
    // A supervisor that is gone is told by `disconnect`.
    channel.send?.(pack(fromBrokerProcess, message), told);
  };

  function begin(settings: BrokerSettings): Promise<ControlPlane | undefined> {
    const fields = { process: "broker" };
    const log = openLog({ write, nowMs: Date.now, level: settings.logLevel, fields });
    return start(settings, variables, log, tell).catch((error: unknown) => {
      const why = error instanceof CannotRun ? error.message : `the broker cannot start: ${causeOf(error)}`;
      if (!(error instanceof CannotRun)) log.error("cannot start", errorFields(error));
      // What stands in the way may be mended: whoever keeps this running tries again.
      tell({ kind: "failed", why }, () => channel.exit(1));
      return undefined;
    });
  }

  async function leave(): Promise<void> {
    setTimeout(() => channel.exit(1), STOP_MS_MAX).unref();
    await (await running)?.[Symbol.asyncDispose]();
    channel.exit(0);
  }

  function take(message: ToBrokerProcess): void {
    switch (message.kind) {
      case "start":
        running ??= begin(message.settings);
        return;
      case "metrics":
        return void running
          ?.then((plane) => plane?.metrics())
          .then((text) => tell({ kind: "metrics", id: message.id, text: text ?? "[]" }));
      case "stop":
        stopping ??= leave();
    }
  }

  channel.on("message", (packed: unknown) => take(unpack(toBrokerProcess, packed)));
  channel.on("disconnect", () => {
    setTimeout(() => {
      stopping ??= leave();
    }, ORPHAN_MS);
  });
  // A terminal sends these to every process in it; when to end is the supervisor's to say.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) channel.on(signal, () => undefined);
}

async function start(
  settings: BrokerSettings,
  variables: Record<string, string | undefined>,
  log: Log,
  tell: (message: FromBrokerProcess) => void,
): Promise<ControlPlane> {
  const plane = await openControlPlane({
    settings,
    variables,
    disk: realDisk,
    log,
    onListeners: (listeners) => tell({ kind: "listeners", listeners }),
  });
  let said = "";
  const look = (): void => {
    const missing = plane
      .missing()
      .slice(0, 64)
      .map((text) => text.slice(0, 1_024));
    if (JSON.stringify(missing) !== said) tell({ kind: "state", missing });
    said = JSON.stringify(missing);
  };
  look();
  setInterval(look, STATE_MS).unref();
  tell({ kind: "started", broker: plane.name });
  return plane;
}
