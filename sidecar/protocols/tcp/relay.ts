/** Bytes from one side to the other, counted, at the pace of whoever is slower. */
import type { Socket } from "node:net";
import type { Request } from "#core/policy/facts.ts";
import type { ConnectionView } from "#core/port/port.ts";
import { isRefusal, type Refusal, refusal } from "#core/values/refusal.ts";
import type { RelayEnd, ResultCounts, Tap } from "../protocol.ts";
import { onBytes } from "../shared-reads.ts";
import { readBeginning } from "./first-bytes.ts";

export interface Ends {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly connection: ConnectionView;
}

const CONNECTING: Request = { protocol: "tcp" };

export async function relay(ends: Ends, tap: Tap, stop: AbortSignal): Promise<RelayEnd> {
  const { client, upstream } = ends;
  try {
    return await decideAndRelay(ends, tap, stop);
  } finally {
    // A reset tells both sides that this is no regular end; after a regular one it tells nobody anything.
    if (!client.destroyed) client.resetAndDestroy();
    if (!upstream.destroyed) upstream.resetAndDestroy();
  }
}

async function decideAndRelay(ends: Ends, tap: Tap, stop: AbortSignal): Promise<RelayEnd> {
  const verdict = await tap.decide(CONNECTING, new Uint8Array());
  if (!verdict.pass) return { by: "gateway", refusal: verdict.refusal };
  const flow = new Flow(ends, tap);
  using _stop = onAbort(stop, (why) => flow.end({ by: "gateway", refusal: why }));
  tap.onChange(() => flow.recheck());
  const end = await flow.run();
  tap.result(verdict.request, { ended: endingOf(end), rows: 0, bytes: flow.bytesToClient, maskedValues: 0 });
  return end;
}

function endingOf({ by, refusal: why }: RelayEnd): ResultCounts["ended"] {
  if (by !== "gateway") return "complete";
  return why?.code === "LIMIT_BYTES" ? "limit" : "cancelled";
}

/** What ends a session gives its Refusal as the reason. */
function onAbort(signal: AbortSignal, end: (why: Refusal) => void): Disposable {
  const aborted = (): void => {
    const why: unknown = signal.reason;
    end(typeof why === "object" && why !== null && isRefusal(why) ? why : refusal("SHUTTING_DOWN"));
  };
  if (signal.aborted) aborted();
  else signal.addEventListener("abort", aborted, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", aborted) };
}

class Flow {
  readonly #ends: Ends;
  readonly #tap: Tap;
  readonly #ended = Promise.withResolvers<RelayEnd>();
  readonly #stopReading = new AbortController();
  #isOver = false;
  /** Who has said all, in that order. */
  readonly #said: ("client" | "upstream")[] = [];
  bytesToClient = 0;

  constructor(ends: Ends, tap: Tap) {
    this.#ends = ends;
    this.#tap = tap;
  }

  run(): Promise<RelayEnd> {
    const { client, upstream } = this.#ends;
    client.on("close", () => this.end({ by: "client", refusal: undefined }));
    upstream.on("close", () => this.end({ by: "upstream", refusal: undefined }));
    this.#pump(upstream, client, (bytes) => this.#countToClient(bytes), "upstream");
    void this.#pumpFromClient();
    return this.#ended.promise;
  }

  end(how: RelayEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopReading.abort(new Error("the relay has ended"));
    this.#ended.resolve(how);
  }

  /** A policy that changed may not permit this any more. */
  recheck(): void {
    if (this.#tap.recheck(CONNECTING).outcome !== "allow")
      this.end({ by: "gateway", refusal: refusal("POLICY_CHANGED") });
  }

  /** The first bytes are judged before any of them goes on. */
  async #pumpFromClient(): Promise<void> {
    const { client, upstream, connection } = this.#ends;
    try {
      const beginning = await readBeginning(client, connection, this.#stopReading.signal);
      if (isRefusal(beginning)) return this.end({ by: "gateway", refusal: beginning });
      if (beginning.bytes.length > 0) upstream.write(beginning.bytes);
      if (client.readableEnded) return this.#halfEnded(upstream, "client");
      this.#pump(client, upstream, () => undefined, "client");
    } catch (error) {
      // Read no further: the session is over, or the client is gone, and `close` tells.
      if (!this.#isOver && !client.destroyed) throw error;
    }
  }

  #pump(
    from: Socket,
    to: Socket,
    count: (bytes: number) => Refusal | undefined,
    side: "client" | "upstream",
  ): void {
    onBytes(from, (piece) => {
      if (this.#isOver) return;
      const reached = count(piece.length);
      if (reached !== undefined) return this.end({ by: "gateway", refusal: reached });
      if (!to.write(piece)) from.pause();
    });
    to.on("drain", () => from.resume());
    from.on("end", () => this.#halfEnded(to, side));
  }

  #halfEnded(to: Socket, side: "client" | "upstream"): void {
    to.end();
    this.#said.push(side);
    const [first] = this.#said;
    if (this.#said.length < 2 || first === undefined) return;
    // Both have said all; what is still on its way to either is let out first.
    const { client, upstream } = this.#ends;
    const out = [client, upstream].map((socket) => finished(socket));
    void Promise.all(out).then(() => this.end({ by: first, refusal: undefined }));
  }

  #countToClient(bytes: number): Refusal | undefined {
    this.bytesToClient += bytes;
    return this.#tap.count(0, bytes);
  }
}

function finished(socket: Socket): Promise<void> {
  if (socket.writableFinished || socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    socket.once("finish", resolve);
    socket.once("close", () => resolve());
  });
}
