/** PostgreSQL, as the session runner asks for it. */
import { isRefusal, type Refusal, refusal } from "#core/values/refusal.ts";
import { backendKeyData, parameterStatus, readyForQuery } from "#core/wire/postgres/messages.ts";
import { serialize } from "pg-protocol";
import type { Protocol, Session, UpstreamTarget } from "../protocol.ts";
import { PeerBroke, write } from "../peer.ts";
import { cancelUpstream } from "./cancel.ts";
import type { Analyse } from "./core.ts";
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
import { Relay } from "./relay.ts";
import { SearchPath } from "./search-path.ts";
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
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(LOGIN_MS_MAX)]);
  const { searchPath, currentUser } = await askStart(login, bounded);
  const path = new SearchPath(searchPath, currentUser, parameters.has("search_path"));
  const plain = new Map([
    ["client_encoding", "UTF8"],
    ["standard_conforming_strings", "on"],
    ["application_name", target.sessionMark],
  ]);
  const opening = { target, parameters, logIn: (wait: AbortSignal) => logIn(target, plain, wait) };
  const catalog = await parts.openCatalog(opening, signal);
  if (isRefusal(catalog)) {
    socket.destroy();
    return catalog;
  }
  const isTainted = start.isTainted || !isReadable;
  return session(parts, client, target, { login, path, catalog, isTainted, isRequested: start.isRequested });
}

interface Opened {
  readonly login: UpstreamLogin;
  readonly path: SearchPath;
  readonly catalog: SessionCatalog;
  readonly isTainted: boolean;
  readonly isRequested: boolean;
}

function session(
  parts: PostgresParts,
  client: GreetedClient,
  target: UpstreamTarget,
  opened: Opened,
): Session {
  const { login, path, catalog, isTainted, isRequested } = opened;
  const { key } = login;
  let cancelling: Promise<boolean> | undefined;
  const cancel = (): Promise<boolean> => {
    // One at a time: a client that asks a thousand times is not to become a thousand connections.
    cancelling ??= (key === undefined ? Promise.resolve(false) : cancelUpstream(target, key)).finally(() => {
      cancelling = undefined;
    });
    return cancelling;
  };
  let relay: Relay | undefined;
  return {
    cancel() {
      if (relay?.isRunning === true) void cancel();
    },
    async relay(tap, signal) {
      await using held = catalog;
      const { analyse, budget } = parts;
      const { host } = target.connection.spec.address;
      const withheld = { user: isRequested ? undefined : target.lease.user, host };
      relay = new Relay(
        {
          client: client.socket,
          upstream: login.socket,
          analyse,
          catalog: held,
          path,
          budget,
          withheld,
          isTainted,
          opening: openingOf(client, target, login),
          cancel,
          whenClientCloses: target.connection.spec.postgres?.whenClientCloses ?? "finish",
        },
        tap,
      );
      // Awaited here: the catalog is to be held until the end.
      return await relay.run(signal);
    },
  };
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
  await write(socket, serialize.query("SHOW search_path; SELECT current_user"));
  const values: string[] = [];
  for (let count = 0; count < LOGIN_MESSAGES_MAX; count += 1) {
    const { type, bytes } = await readLogin(socket, signal);
    if (type === "D") values.push(bytes.toString("utf8", 11));
    if (type === "E") throw new PeerBroke("the upstream does not tell its search path");
    if (type !== "Z") continue;
    const [searchPath, currentUser] = values;
    if (searchPath !== undefined && currentUser !== undefined) return { searchPath, currentUser };
    break;
  }
  throw new PeerBroke("the upstream does not tell its search path");
}
