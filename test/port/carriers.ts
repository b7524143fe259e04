/** The carriers there are, each as a broker on one end and a port on the other. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AttachedPort, type PortServer, servePort } from "#broker/api/serve.ts";
import type { BrokerPort } from "#core/port/port.ts";
import { openLog } from "#runtime/log.ts";
import { unixCarrier } from "#sidecar/uplink/carrier.ts";
import { Uplink } from "#sidecar/uplink/uplink.ts";
import type { Carried } from "./contract.ts";

export const silent = openLog({ write: () => undefined, nowMs: () => 0, level: "error" });
const never = new AbortController().signal;

export async function directCall(broker: BrokerPort): Promise<Carried> {
  return { port: broker, [Symbol.asyncDispose]: async () => undefined };
}

export async function unixSocket(broker: BrokerPort): Promise<Carried> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  const path = join(folder.path, "port", "broker.sock");
  stack.use(await serve(path, broker));
  const uplink = stack.use(openUplink(path));
  await uplink.connected(never);
  const open = stack.move();
  return { port: uplink, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

export function serve(path: string, broker: BrokerPort, notes: string[] = []): Promise<PortServer> {
  return servePort({
    path,
    attach: () => attached(broker),
    note: (name, fields) => notes.push(`${name} ${JSON.stringify(fields)}`),
  });
}

/** A port for one connection of a broker that does not tell them apart. */
export function attached(broker: BrokerPort): AttachedPort {
  return {
    hello: (request, signal) => broker.hello(request, signal),
    identify: (request, signal) => broker.identify(request, signal),
    exchange: (request, signal) => broker.exchange(request, signal),
    renew: (lease, signal) => broker.renew(lease, signal),
    release: (lease, signal) => broker.release(lease, signal),
    prove: (lease, challenge, signal) => broker.prove(lease, challenge, signal),
    hold: (session, question, signal) => broker.hold(session, question, signal),
    append: (batch, signal) => broker.append(batch, signal),
    subscribe: (listener, signal) => broker.subscribe(listener, signal),
    applied: (worker, planVersion) => broker.applied(worker, planVersion),
    report: (report) => broker.report(report),
    detach: () => undefined,
  };
}

export function openUplink(path: string): Uplink {
  return new Uplink({
    carrier: unixCarrier(path),
    worker: "worker-1",
    run: "run-1",
    log: silent,
    chance: () => 0.1,
  });
}

export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "sallyport-port-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}
