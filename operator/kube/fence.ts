/** An API client for whoever leads: it writes nothing once the lease is lost, and no write of its is under way for longer than the lease is surely ours. */
import type { Call, Kube } from "./client.ts";
import { KubeError } from "./error.ts";
import type { Term } from "./lease.ts";

export function fenced(kube: Kube, term: Term): Kube {
  const within = <C extends Call>(call: C): C => {
    const remainingMs = term.remainingMs();
    if (remainingMs <= 0)
      throw new KubeError({ status: 0, reason: "LeaseLost", message: "this replica does not lead" });
    return {
      ...call,
      signal: AbortSignal.any([call.signal, term.signal]),
      // Timers take whole milliseconds.
      deadlineMs: Math.min(call.deadlineMs ?? WRITE_MS_MAX, Math.ceil(remainingMs)),
    };
  };
  return {
    get: (resource, key, call) => kube.get(resource, key, call),
    pages: (resource, call) => kube.pages(resource, call),
    list: (resource, call) => kube.list(resource, call),
    watch: (resource, options) => kube.watch(resource, options),
    create: async (resource, object, call) => kube.create(resource, object, within(call)),
    update: async (resource, object, call) => kube.update(resource, object, within(call)),
    apply: async (resource, object, call) => kube.apply(resource, object, within(call)),
    applyStatus: async (resource, key, status, call) => kube.applyStatus(resource, key, status, within(call)),
    patch: async (resource, key, operations, call) => kube.patch(resource, key, operations, within(call)),
    delete: async (resource, key, call) => kube.delete(resource, key, within(call)),
    post: async (place, body, call) => kube.post(place, body, within(call)),
    // Whoever opened the client closes it.
    [Symbol.dispose]: () => undefined,
  };
}

const WRITE_MS_MAX = 10_000;
