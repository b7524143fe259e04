/** The real program in front of an upstream that the test has brought along, and what its worker weighs. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { EventFields } from "#core/audit/requests.ts";
import { rowsOf, startReading } from "#cli/audit/rows.ts";
import { sharedIssuer } from "#test/gateway/support/in-process.ts";
import {
  AUDIENCE,
  connection,
  gateway,
  listener,
  makeFolders,
  policy,
  provider,
  UPSTREAM_PASSWORD,
} from "#test/gateway/support/kinds.ts";
import { BROKER_UID, isRoot, SHARED_GID, startGateway } from "#test/gateway/support/processes.ts";

export interface Program {
  readonly port: number;
  /** Its one worker: the same for as long as nothing has made it end. */
  readonly worker: () => number | undefined;
  /** By how much the worker has grown at most while that was going on. */
  growthBytes(work: () => Promise<void>): Promise<number>;
  events(): Promise<readonly EventFields[]>;
  metrics(): Promise<string>;
}

export async function startProgram(
  context: TestContext,
  upstreamPort: number,
  { policies = [policy()], options = [] }: { policies?: readonly object[]; options?: readonly string[] } = {},
): Promise<Program> {
  const issuer = await sharedIssuer();
  const folders = makeFolders();
  context.after(() => folders[Symbol.dispose]());
  const passwordFile = join(folders.root, "password");
  writeFileSync(passwordFile, UPSTREAM_PASSWORD, { mode: 0o600 });
  writeFileSync(folders.tokenFile, await issuer.issue("agent", AUDIENCE), { mode: 0o600 });
  folders.write("identity.yaml", provider(issuer));
  folders.write("connection.yaml", connection(upstreamPort, passwordFile));
  folders.write("policies.yaml", ...policies);
  const { tokenFile } = folders;
  const address = { host: "127.0.0.1", port: 0 };
  folders.write("gateway.yaml", gateway(listener({ address, identity: { ambient: { tokenFile } } })));
  if (isRoot) folders.handOver(BROKER_UID, SHARED_GID);
  const data = join(folders.root, "data");
  const started = await startGateway({
    config: folders.config,
    data,
    options,
  });
  context.after(() => started[Symbol.asyncDispose]());
  const worker = (): number | undefined => started.children().find(({ kind }) => kind === "worker")?.pid;
  return {
    port: started.ports.get("agents") ?? 0,
    worker,
    async growthBytes(work) {
      const pid = worker() ?? 0;
      // What "5" forgets is the highest that the resident memory ever was.
      writeFileSync(`/proc/${pid}/clear_refs`, "5");
      const before = statusBytes(pid, "VmRSS");
      await work();
      return statusBytes(pid, "VmHWM") - before;
    },
    async events() {
      const events: EventFields[] = [];
      for await (const row of rowsOf(startReading(join(data, "trail"), undefined)))
        if ("event" in row) events.push(row.event);
      return events;
    },
    metrics: async () => (await fetch(`${started.health}/metrics`)).text(),
  };
}

const statusBytes = (pid: number, name: "VmRSS" | "VmHWM"): number =>
  Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
