/** PostgreSQL, as the session runner asks for it. */
import { isRefusal, type Refusal, refusal } from "#core/values/refusal.ts";
import {
  type BackendKey,
  backendKeyData,
  parameterStatus,
  readyForQuery,
} from "#core/wire/postgres/messages.ts";
import { deadline } from "#runtime/deadline.ts";
import { serialize } from "pg-protocol";
import type { Protocol, RelayEnd, Session, Tap, UpstreamTarget } from "../protocol.ts";
import { PeerBroke, write } from "../peer.ts";
import { cancelUpstream } from "./cancel.ts";
import type { Analyse } from "./core.ts";
import type { Way } from "./dial.ts";
import { type GreetedClient, greetClient } from "./greeting.ts";
import {
  LOGIN_MESSAGES_MAX,
  LOGIN_MS_MAX,
  logIn,
  readLogin,
  type UpstreamLogin,
  upstreamFault,
} from "./login.ts";
import type { MemoryBudget } from "./long-row.ts";
import type { SessionCatalog } from "./masking.ts";
import { Relay, type RelayParts } from "./relay.ts";
import { pathProblem, SearchPath } from "./search-path.ts";
import { type StartUp, startUp } from "./start-up.ts";

export interface CatalogOpening {
  readonly target: UpstreamTarget;
  /** ParameterStatus of the session: `server_version` and the like. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Another connection with the session's own rights. Whoever opens it closes it. */
  readonly logIn: (signal: AbortSignal) => Promise<UpstreamLogin | Refusal>;
}

export interface PostgresParts {
  readonly analyse: Analyse;
  readonly openCatalog: (opening: CatalogOpening, signal: AbortSignal) => Promise<SessionCatalog | Refusal>;
  /** Of the process, for rows that are held while they are masked. */
  readonly budget: MemoryBudget;
}

export function postgresProtocol(parts: PostgresParts): Protocol {
  return {
    name: "postgres",
    greet: (client, settings, signal) =>
      greetClient(client, settings, signal, (greeted, target, connecting) =>
        connect(parts, greeted, target, connecting),
      ),
  };
}

async function connect(
  parts: PostgresParts,
  client: GreetedClient,
  target: UpstreamTarget,
  signal: AbortSignal,
): Promise<Session | Refusal> {
  const start = startUp(client.startup, target);
  if (isRefusal(start)) return start;
  const login = await logIn(start.target, start.settings, signal);
  if (isRefusal(login)) return login;
  try {
    return await prepare(parts, client, start, login, signal);
  } catch (error) {
    login.socket.destroy();
    const why = upstreamFault(error);
    if (why === undefined || signal.aborted) throw error;
    return why;
  }
}

// oxlint-disable-next-line max-params -- what the three steps before it have brought
async function prepare(
  parts: PostgresParts,
  client: GreetedClient,
  start: StartUp,
  login: UpstreamLogin,
  signal: AbortSignal,
): Promise<Session | Refusal> {
  const { target } = start;
  const { parameters, socket } = login;
  // Texts are judged as UTF-8 with standard strings; a server that cannot hold to that cannot be judged.
  const isReadable =
    parameters.get("client_encoding") === "UTF8" && parameters.get("standard_conforming_strings") === "on";
  if (!isReadable && !start.isRequested) {
    socket.destroy();
    return refusal("UPSTREAM_PROTOCOL", "the upstream does not keep to UTF-8 and standard strings");
  }
  const { searchPath, currentUser } = await askStart(login, signal);
  const unfollowed = pathProblem(searchPath, currentUser);
  if (unfollowed !== undefined) {
    socket.destroy();
    return unfollowed;
  }
  const path = new SearchPath(searchPath, currentUser, parameters.has("search_path"));
  const opening = { target, parameters, logIn: beside(target) };
  const catalog = await parts.openCatalog(opening, signal);
  if (isRefusal(catalog)) {
    socket.destroy();
    return catalog;
  }
  const { host } = target.connection.spec.address;
  return new PostgresSession(parts, {
    client: client.socket,
    upstream: socket,
    opening: openingOf(client, target, login),
    way: { connection: target.connection, lookup: target.lookup },
    key: login.key,
    path,
    catalog,
    isTainted: start.isTainted || !isReadable,
    withheld: { user: start.isRequested ? undefined : target.lease.user, host },
  });
}

/** Signs in once more with the session's own rights. It keeps nothing of what the client began with. */
function beside(target: UpstreamTarget): CatalogOpening["logIn"] {
  return (signal) => {
    const settings = [
      ["client_encoding", "UTF8"],
      ["standard_conforming_strings", "on"],
      ["application_name", target.sessionMark],
    ] as const;
    return logIn(target, new Map(settings), signal);
  };
}

interface Opened extends Pick<RelayParts, "client" | "upstream" | "catalog" | "path" | "withheld"> {
  /** What the client gets before anything else. */
  readonly opening: Buffer;
  /** How a cancel gets to the upstream. */
  readonly way: Way;
  readonly key: BackendKey | undefined;
  readonly isTainted: boolean;
}

/** Of everything that signing in has brought it holds only what a session needs for as long as it lasts. */
class PostgresSession implements Session {
  readonly #parts: PostgresParts;
  readonly #opened: Omit<Opened, "opening">;
  #opening: Buffer | undefined;
  #relay: Relay | undefined;
  #cancelling: Promise<boolean> | undefined;

  constructor(parts: PostgresParts, { opening, ...opened }: Opened) {
    this.#parts = parts;
    this.#opened = opened;
    this.#opening = opening;
  }

  cancel(): void {
    if (this.#relay?.isRunning === true) void this.#cancel();
  }

  async relay(tap: Tap, signal: AbortSignal): Promise<RelayEnd> {
    await using _held = this.#opened.catalog;
    this.#welcome();
    this.#relay = this.#makeRelay(tap);
    // Awaited here: the catalog is to be held until the end.
    return await this.#relay.run(signal);
  }

  #welcome(): void {
    if (this.#opening !== undefined) this.#opened.client.write(this.#opening);
    this.#opening = undefined;
  }

  #makeRelay(tap: Tap): Relay {
    const { analyse, budget } = this.#parts;
    const { way, key: _key, ...opened } = this.#opened;
    const whenClientCloses = way.connection.spec.postgres?.whenClientCloses ?? "finish";
    return new Relay({ ...opened, analyse, budget, cancel: () => this.#cancel(), whenClientCloses }, tap);
  }

  /** One at a time: a client that asks a thousand times is not to become a thousand connections. */
  #cancel(): Promise<boolean> {
    const { way, key } = this.#opened;
    this.#cancelling ??= (key === undefined ? Promise.resolve(false) : cancelUpstream(way, key)).finally(
      () => {
        this.#cancelling = undefined;
      },
    );
    return this.#cancelling;
  }
}

/** What a server says once a client is in. The key is ours: it leads back to this session, whatever the upstream's is. */
function openingOf(client: GreetedClient, target: UpstreamTarget, { parameters }: UpstreamLogin): Buffer {
  const key = Buffer.from(client.settings.cancelKey(client.minor >= 2 ? 36 : 8));
  const shown = [...parameters].map(([name, value]) =>
    parameterStatus(name, value === target.lease.user ? client.startup.user : value),
  );
  return Buffer.concat([...shown, backendKeyData(key.readInt32BE(0), key.subarray(4)), readyForQuery("I")]);
}

interface Start {
  readonly searchPath: string;
  /** What `$user` in the path stands for. A role that was set to act as another is that other from the start. */
  readonly currentUser: string;
}

/** Servers before 18 do not report the path, and none reports whom it acts as. */
async function askStart({ socket }: UpstreamLogin, signal: AbortSignal): Promise<Start> {
  using bounded = deadline(signal, LOGIN_MS_MAX);
  await write(socket, serialize.query("SHOW search_path; SELECT current_user"));
  const values: string[] = [];
  for (let count = 0; count < LOGIN_MESSAGES_MAX; count += 1) {
    const { type, bytes } = await readLogin(socket, bounded.signal);
    if (type === "D") values.push(bytes.toString("utf8", 11));
    if (type === "E") throw new PeerBroke("the upstream does not tell its search path");
    if (type !== "Z") continue;
    const [searchPath, currentUser] = values;
    if (searchPath !== undefined && currentUser !== undefined) return { searchPath, currentUser };
    break;
  }
  throw new PeerBroke("the upstream does not tell its search path");
}
