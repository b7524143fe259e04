/** The inspector of a running process of ours, opened by a signal and closed again with us. */
import { setTimeout as pause } from "node:timers/promises";
import type { CpuProfile } from "./frames.ts";

/** Where Node.js listens when nobody told it otherwise. */
const LIST = "http://127.0.0.1:9229/json/list";
const OPEN_MS_MAX = 10_000;
const SAMPLING_US = 200;

export interface Inspector extends AsyncDisposable {
  start(): Promise<void>;
  stop(): Promise<CpuProfile>;
}

export async function openInspector(pid: number): Promise<Inspector> {
  process.kill(pid, "SIGUSR1");
  const socket = new WebSocket(await address());
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve(), { once: true });
    socket.addEventListener("error", () => reject(new Error("the inspector takes no connection")), {
      once: true,
    });
  });
  const waiting = new Map<number, (result: unknown) => void>();
  socket.addEventListener("message", ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { readonly id?: number; readonly result?: unknown };
    if (id !== undefined) waiting.get(id)?.(result);
  });
  let last = 0;
  const call = <Result>(method: string, params = {}): Promise<Result> => {
    last += 1;
    const id = last;
    const answered = new Promise<Result>((resolve) => {
      waiting.set(id, (result) => resolve(result as Result));
    });
    socket.send(JSON.stringify({ id, method, params }));
    return answered;
  };
  const { result } = await call<{ readonly result: { readonly value: unknown } }>("Runtime.evaluate", {
    expression: "process.pid",
  });
  if (result.value !== pid) throw new Error(`another process listens there already: ${LIST}`);
  await call("Profiler.enable");
  await call("Profiler.setSamplingInterval", { interval: SAMPLING_US });
  return {
    start: () => call("Profiler.start"),
    stop: () => call<{ readonly profile: CpuProfile }>("Profiler.stop").then(({ profile }) => profile),
    [Symbol.asyncDispose]: () => {
      socket.close();
      return Promise.resolve();
    },
  };
}

async function address(): Promise<string> {
  const endMs = performance.now() + OPEN_MS_MAX;
  for (;;) {
    try {
      const [first] = (await (await fetch(LIST)).json()) as { readonly webSocketDebuggerUrl: string }[];
      if (first !== undefined) return first.webSocketDebuggerUrl;
    } catch (error) {
      if (performance.now() > endMs) throw new Error("the process opens no inspector", { cause: error });
    }
    await pause(20);
  }
}
