/** The fuzzer of the login phase: a client and an upstream, either of which may lie, around the gateway's door. */
import { getEventListeners, once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { createSecureContext } from "node:tls";
import { refusal } from "#core/values/refusal.ts";
import { memoryBudget } from "#sidecar/protocols/postgres/long-row.ts";
import type * as protocolModule from "#sidecar/protocols/postgres/protocol.ts";
import { makeAuthority } from "#test/support/certificates.ts";
import { planted } from "../defects/plant.ts";
import type { Fuzzer, Player } from "../fuzzer.ts";
import { Random } from "../random.ts";
import { type LoginsCase, loginsCase } from "./case.ts";
import { type ClientParts, PlayedClient } from "./client.ts";
import { carry, type DoorParts, type Outcome } from "./door.ts";
import { judge } from "./judge.ts";
import { Stillness } from "./stillness.ts";
import { PlayedUpstream } from "./upstream.ts";

/** Of which a case takes a few thousandths. */
const HANG_MS = 10_000;

export const logins: Fuzzer<LoginsCase> = {
  name: "logins",
  what: "clients and upstreams that lie before there is a session",
  share: 2,
  generate: loginsCase,
  async open(defect): Promise<Player<LoginsCase>> {
    const { postgresProtocol } = (await import(
      planted("sidecar/protocols/postgres/protocol.ts", defect)
    )) as typeof protocolModule;
    const stage = await openStage();
    return {
      play: (each) => stage.play(each, postgresProtocol),
      [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
    };
  },
};

type Trust = Pick<DoorParts, "tls" | "upstreamTls"> &
  Pick<ClientParts, "trust"> & { readonly certPem: string };
let made: Trust | undefined;

/** One certificate for both doors, and whoever trusts it read once: by themselves they would be most of what a case costs. */
function trusted(): Trust {
  if (made !== undefined) return made;
  const { certPem: caPem, issue } = makeAuthority();
  const { certPem, keyPem } = issue("DNS:localhost", "IP:127.0.0.1");
  made = {
    certPem,
    tls: createSecureContext({ cert: certPem, key: keyPem }),
    trust: createSecureContext({ ca: caPem }),
    upstreamTls: { on: { mode: "verify-full", caPem, serverName: "localhost" }, off: { mode: "disable" } },
  };
  return made;
}

interface Stage extends AsyncDisposable {
  play(each: LoginsCase, protocol: DoorParts["protocol"]): Promise<string | undefined>;
}

async function openStage(): Promise<Stage> {
  let onClient: (socket: Socket) => void = (socket) => socket.destroy();
  let onUpstream: (socket: Socket) => void = (socket) => socket.destroy();
  const doors = [
    await listening((socket) => onClient(socket)),
    await listening((socket) => onUpstream(socket)),
  ] as const;
  const [door, upstream] = doors.map(({ port }) => port) as [number, number];
  return {
    async play(each, protocol) {
      const play = new LoginsPlay(each, protocol, upstream);
      onClient = (socket) => play.admit(socket);
      onUpstream = (socket) => play.dialled(socket);
      return await play.play(door);
    },
    async [Symbol.asyncDispose]() {
      for (const { server } of doors) {
        server.close();
        await once(server, "close");
      }
    },
  };
}

async function listening(
  onSocket: (socket: Socket) => void,
): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, onSocket).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, port: (server.address() as { port: number }).port };
}

class LoginsPlay {
  readonly #case: LoginsCase;
  readonly #random: Random;
  readonly #stillness = new Stillness();
  readonly #upstreams: PlayedUpstream[] = [];
  readonly #outcome: Outcome = {
    refusals: [],
    tokens: [],
    cancels: [],
    isIdentified: false,
    isConnected: false,
  };
  readonly #stop = new AbortController();
  readonly #door: DoorParts;
  #admitted: Socket | undefined;
  #carrying: Promise<void> | undefined;
  #isCarried = false;
  #failure: unknown;
  #given = 0;

  constructor(each: LoginsCase, protocol: DoorParts["protocol"], upstreamPort: number) {
    const { tls, upstreamTls } = trusted();
    const held = memoryBudget(1024 * 1024);
    this.#case = each;
    this.#random = new Random(each.chance);
    this.#door = {
      case: each,
      protocol,
      stillness: this.#stillness,
      tls,
      upstreamPort,
      upstreamTls,
      budget: {
        take: (bytes) => held.take(bytes) && (this.#given += bytes) >= 0,
        give: (bytes) => {
          this.#given -= bytes;
          held.give(bytes);
        },
      },
    };
  }

  admit(socket: Socket): void {
    this.#admitted = socket;
    this.#stillness.moved();
    this.#carrying = carry(socket, this.#door, this.#outcome, this.#stop.signal).then(
      () => this.#carried(undefined),
      (error: unknown) => this.#carried(error),
    );
  }

  #carried(failure: unknown): void {
    this.#isCarried = true;
    this.#failure = failure;
    this.#stillness.moved();
  }

  dialled(socket: Socket): void {
    const { tls, certPem } = trusted();
    this.#stillness.moved();
    const parts = {
      case: this.#case,
      random: this.#random,
      stillness: this.#stillness,
      tls,
      certPem,
    };
    this.#upstreams.push(new PlayedUpstream(socket, parts));
  }

  async play(port: number): Promise<string | undefined> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    const client = new PlayedClient(socket, {
      case: this.#case,
      random: this.#random,
      stillness: this.#stillness,
      trust: trusted().trust,
    });
    const endMs = Date.now() + HANG_MS;
    try {
      const wrong = await this.#talk(client, endMs);
      if (wrong !== undefined) return wrong;
      const { outcome, upstreams } = { outcome: this.#outcome, upstreams: this.#upstreams };
      return judge({ case: this.#case, client, outcome, upstreams }) ?? this.#leftOver();
    } finally {
      this.#stop.abort(refusal("SHUTTING_DOWN"));
      client.vanish();
      for (const upstream of this.#upstreams) upstream.leave(true);
      this.#admitted?.destroy();
      await this.#carrying;
    }
  }

  async #talk(client: PlayedClient, endMs: number): Promise<string | undefined> {
    const { upstreamLeavesFirst, leavesAbruptly } = this.#case;
    do {
      const wrong = await this.#rests(client, endMs);
      if (wrong !== undefined) return wrong;
    } while (client.saysNext());
    const leave = [
      () => client.leave(leavesAbruptly),
      () => {
        for (const upstream of this.#upstreams) upstream.leave(leavesAbruptly);
      },
    ];
    for (const leaves of upstreamLeavesFirst ? leave.toReversed() : leave) {
      leaves();
      const wrong = await this.#rests(client, endMs);
      if (wrong !== undefined) return wrong;
    }
    client.vanish();
    const hang = new Promise((resolve) => setTimeout(resolve, endMs - Date.now(), "hangs").unref());
    if ((await Promise.race([this.#carrying, hang])) === "hangs")
      return "it goes on although both sides have left";
    await this.#stillness.comes(endMs);
    if (this.#failure === undefined) return undefined;
    const { stack } = this.#failure as Error;
    return `it fails by itself: ${String(stack)}`;
  }

  /** Whoever it has done with is not left waiting. */
  async #rests(client: PlayedClient, endMs: number): Promise<string | undefined> {
    if (!(await this.#stillness.comes(endMs))) return "it does not come to rest";
    if (!this.#isCarried) return undefined;
    if (this.#upstreams.some(({ isOpen }) => isOpen)) return "a connection to the upstream is left open";
    return client.isOpen && !client.wasLeft ? "the client's connection is left open" : undefined;
  }

  /** Everything it opened is closed, and nothing is held any more. */
  #leftOver(): string | undefined {
    if (this.#admitted?.destroyed === false) return "the client's connection is left open";
    const listeners = getEventListeners(this.#stop.signal, "abort").length;
    if (listeners > 0) return `${listeners} listeners are left behind`;
    return this.#given === 0 ? undefined : `${this.#given} bytes are held on to`;
  }
}
