/** How stores and controllers fare, for the metrics page. */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Reflector } from "./reflector.ts";
import type { KubeObject } from "./resource.ts";
import type { StoreView } from "./store.ts";

export interface ControllerMeter {
  depth(of: () => number): void;
  reconciled(outcome: "done" | "failed", ms: number): void;
}

export interface KubeMeters {
  reflector<T extends KubeObject>(store: StoreView<T>, reflector: Reflector): void;
  controller(name: string): ControllerMeter;
  /** How many leases this process holds. */
  leading(isHeld: () => boolean): void;
}

const SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10];

export function kubeMeters(registry: Registry): KubeMeters {
  const registers = [registry];
  const reconciles = new Counter({
    name: "sallyport_reconciles_total",
    help: "Objects that a controller has looked at.",
    labelNames: ["controller", "outcome"],
    registers,
  });
  const seconds = new Histogram({
    name: "sallyport_reconcile_seconds",
    help: "Time that a controller takes for one object.",
    labelNames: ["controller"],
    buckets: SECONDS,
    registers,
  });
  const gauge = lookedUpByLabel(registry);
  const objects = gauge("sallyport_store_objects", "Objects in a store.", "store");
  const age = gauge("sallyport_watch_quiet_seconds", "Time since a watch has last said anything.", "store");
  const connected = gauge("sallyport_watch_connected", "1 while the watch of a store is open.", "store");
  const reconnects = gauge("sallyport_watch_reconnects", "Watches that were begun again.", "store");
  const relists = gauge("sallyport_watch_relists", "Lists that had to be read again.", "store");
  const depth = gauge("sallyport_queue_depth", "Objects that a controller has yet to look at.", "controller");
  const leader = gauge("sallyport_leader", "1 while this replica leads.", "");
  return {
    reflector: (store, reflector) => {
      objects(store.name, () => store.size);
      age(store.name, () => (reflector.lastEventAgeMs ?? Number.NaN) / 1_000);
      connected(store.name, () => Number(reflector.isConnected));
      reconnects(store.name, () => reflector.reconnects);
      relists(store.name, () => reflector.relists);
    },
    controller: (controller) => ({
      depth: (of) => depth(controller, of),
      reconciled: (outcome, ms) => {
        reconciles.inc({ controller, outcome });
        seconds.observe({ controller }, ms / 1_000);
      },
    }),
    leading: (isHeld) => leader("", () => Number(isHeld())),
  };
}

type LookUp = (label: string, value: () => number) => void;

/** Numbers that are looked up whenever somebody asks for them, one for each value of the label. */
function lookedUpByLabel(registry: Registry): (name: string, help: string, labelName: string) => LookUp {
  return (name, help, labelName) => {
    const values = new Map<string, () => number>();
    const gauge = new Gauge({
      name,
      help,
      labelNames: labelName === "" ? [] : [labelName],
      registers: [],
      collect() {
        for (const [label, value] of values)
          if (labelName === "") this.set(value());
          else this.set({ [labelName]: label }, value());
      },
    });
    registry.registerMetric(gauge);
    return (label, value) => void values.set(label, value);
  };
}
