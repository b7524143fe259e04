/** The engine of a session in memory, between a client and an upstream that are played. */
import type { Tap } from "#sidecar/protocols/protocol.ts";
import type { ColumnActions, SessionCatalog } from "#sidecar/protocols/postgres/masking.ts";
import type { Analyse, SessionCore } from "#sidecar/protocols/postgres/core.ts";
import type { Refusal } from "#core/values/refusal.ts";
import { stockCatalog } from "#core/statements/postgres/stock.ts";
import type * as coreModule from "#sidecar/protocols/postgres/core.ts";
import type * as intakeModule from "#sidecar/protocols/postgres/intake.ts";
import type * as frontendModule from "#sidecar/protocols/postgres/frontend.ts";
import type * as backendModule from "#sidecar/protocols/postgres/backend.ts";
import type * as outboxModule from "#sidecar/protocols/postgres/outbox.ts";
import type * as pathModule from "#sidecar/protocols/postgres/search-path.ts";
import type { MemoryBudget } from "#sidecar/protocols/postgres/long-row.ts";
import type * as rowModule from "#sidecar/protocols/postgres/long-row.ts";
import { planted } from "../defects/plant.ts";

const ROOM = "sidecar/protocols/postgres";

export interface EngineModules {
  readonly core: typeof coreModule;
  readonly intake: typeof intakeModule;
  readonly frontend: typeof frontendModule;
  readonly backend: typeof backendModule;
  readonly outbox: typeof outboxModule;
  readonly path: typeof pathModule;
  readonly row: typeof rowModule;
}

export async function loadEngine(defect?: string): Promise<EngineModules> {
  const load = async <Module>(file: string): Promise<Module> =>
    (await import(planted(`${ROOM}/${file}`, defect))) as Module;
  return {
    core: await load("core.ts"),
    intake: await load("intake.ts"),
    frontend: await load("frontend.ts"),
    backend: await load("backend.ts"),
    outbox: await load("outbox.ts"),
    path: await load("search-path.ts"),
    row: await load("long-row.ts"),
  };
}

export interface EngineParts {
  readonly tap: Tap;
  readonly analyse: Analyse;
  /** What is found out about a result may take a while. */
  readonly actions: (names: ColumnActions) => ColumnActions | Promise<ColumnActions>;
  readonly onCancel: () => Promise<void>;
  readonly isPathReported: boolean;
  /** Of others as well; without it the engine has its own. */
  readonly budget?: MemoryBudget;
}

export interface Engine {
  readonly core: SessionCore;
  /** Bytes of the client, and of the upstream, in any pieces. */
  fromClient(bytes: Buffer): void;
  fromUpstream(bytes: Buffer): void;
  /** Something it may have waited for has changed. */
  poke(): void;
  /** Another plan is in force. Only while nothing is on its way: what is running is the relay's to look at. */
  changed(): void;
  /** What it has written since it was last asked. */
  takeForClient(): Buffer[];
  takeForUpstream(): Buffer[];
  /** As the relay does it when the session is over. */
  end(): void;
  readonly failures: readonly Refusal[];
  readonly isIdle: boolean;
}

export function openEngine(modules: EngineModules, parts: EngineParts): Engine {
  const client = box(modules);
  const upstream = box(modules);
  const failures: Refusal[] = [];
  const bug = (error: unknown): never => {
    throw error;
  };
  const poke = (): void => {
    intake.run();
    if (!backend.isWaiting) backend.run();
  };
  const core = new modules.core.SessionCore({
    tap: parts.tap,
    analyse: parts.analyse,
    catalog: modelCatalog(parts),
    path: new modules.path.SearchPath("public", "agent", parts.isPathReported),
    budget: parts.budget ?? modules.row.memoryBudget(1024 * 1024),
    withheld: { user: "minted_role", host: "db.internal" },
    toClient: client.out,
    toUpstream: upstream.out,
    cancel: parts.onCancel,
    poke,
    fail: (why) => {
      client.out.flush();
      core.hasEnded = true;
      failures.push(why);
    },
  });
  const intake = new modules.intake.Intake(core, modules.frontend.frontend, bug);
  const backend = new modules.backend.Backend(core, intake, bug);
  return {
    core,
    failures,
    fromClient: (bytes) => intake.push(bytes),
    fromUpstream(bytes) {
      backend.push(bytes);
      intake.run();
    },
    poke,
    changed() {
      core.generation += 1;
      core.adoptObligations();
      backend.adoptMasks();
      poke();
    },
    end() {
      core.hasEnded = true;
      backend.close();
      intake.close();
    },
    takeForClient: client.take,
    takeForUpstream: upstream.take,
    get isIdle() {
      return intake.isIdle && core.expected.length === 0 && !backend.isWaiting;
    },
  };
}

function box(modules: EngineModules) {
  let written: Buffer[] = [];
  // What was handed on may be used again by whoever handed it.
  const write = (bytes: Uint8Array): boolean => written.push(Buffer.from(bytes)) > 0;
  const out = new modules.outbox.Outbox({
    write,
    cork: () => undefined,
    uncork: () => undefined,
    writableLength: 0,
  });
  const take = (): Buffer[] => {
    const taken = written;
    written = [];
    return taken;
  };
  return { out, take };
}

const STOCK = stockCatalog(18);

export function modelCatalog({ actions }: Pick<EngineParts, "actions">): SessionCatalog {
  return {
    names: STOCK,
    columns: {
      actions: (columns, _, masks) =>
        actions(columns.map(({ name }) => masks.find(({ column }) => column === name)?.action)),
      mayRefuse: () => false,
      copyOut: () => undefined,
      mayQuote: () => false,
    },
    version: 0,
    changed: () => undefined,
    transactionEnded: () => undefined,
    ready: () => undefined,
    follow: () => undefined,
    lookAgain: () => undefined,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
