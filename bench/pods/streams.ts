/** Thousands of gateways in one process, as far as their broker sees them, and when each was told of a new plan. Started by propagation.ts. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "#test/port/carriers.ts";
import { openSimulated } from "../storm/gateway.ts";
import { nowMs } from "./clock.ts";
import { PORTS } from "./ports.ts";

export interface StreamPod {
  readonly token: string;
  /** From which it dials, and at which it finds the broker. */
  readonly address: string;
}
export type ToStreams =
  | { readonly kind: "open"; readonly authorityPem: string; readonly pods: readonly StreamPod[] }
  /** From now on plans are news. */
  | { readonly kind: "mark" }
  /** Answered when each has been told of a plan since the mark. */
  | { readonly kind: "told" };
export type FromStreams =
  | { readonly kind: "open" | "mark" }
  | { readonly kind: "told"; readonly atMs: readonly number[] };

/** How many enrol and connect side by side. */
const AT_ONCE = 16;
const never = new AbortController().signal;

const folder = await temporaryFolder();
let told: number[] = [];
let streams = 0;
let whenTold: (() => void) | undefined;

const say = (message: FromStreams): void => void process.send?.(message);

process.on("disconnect", () => {
  void Promise.resolve(folder[Symbol.asyncDispose]()).finally(() => process.exit());
});
process.on("message", (message: ToStreams) => {
  switch (message.kind) {
    case "open":
      return void open(message.pods, message.authorityPem).then(() => say({ kind: "open" }));
    case "mark":
      told = [];
      return say({ kind: "mark" });
    case "told":
      whenTold = () => say({ kind: "told", atMs: told });
      return lookWhetherTold();
  }
});

async function open(pods: readonly StreamPod[], authorityPem: string): Promise<void> {
  const authorityPath = join(folder.path, "ca.pem");
  await writeFile(authorityPath, authorityPem);
  const waiting = pods.entries();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const [index, { token, address }] of waiting) {
        const name = `stream-${index}`;
        const { uplink } = await openSimulated({
          name,
          folder: folder.path,
          token,
          authorityPath,
          addresses: [address],
          port: PORTS.gateways,
          enrolPort: PORTS.requests,
        });
        const planned = Promise.withResolvers<void>();
        uplink.subscribe((push) => {
          if (push.kind !== "plan") return;
          told.push(nowMs());
          // As a gateway does, which has put it in force by then.
          uplink.applied(name, push.version);
          planned.resolve();
          lookWhetherTold();
        }, never);
        await planned.promise;
        streams += 1;
      }
    }),
  );
}

function lookWhetherTold(): void {
  if (whenTold === undefined || told.length < streams) return;
  whenTold();
  whenTold = undefined;
}
