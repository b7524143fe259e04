/**
 * The places where clients arrive. They are opened here, above the workers, so that they outlive each of them: while a
 * worker is started again its clients wait, and no port is lost. A client is handed on before a byte of it is read, and
 * the workers are taken in turn, because a session stays where it was put (docs/decisions/0018).
 */
import { chmod, lstat } from "node:fs/promises";
import { type AddressInfo, type Server, type Socket, createServer } from "node:net";
import { dirname } from "node:path";
import type { ListenerPlan } from "#broker/process/messages.ts";
import { listenAlone } from "#runtime/unix-socket.ts";
import { type Log, errorFields } from "#runtime/log.ts";

export interface OpenListener {
  readonly plan: ListenerPlan;
  /** With the port that was taken where any would do. */
  readonly where: ListenerPlan["where"];
}

export interface Listening {
  /** Opens what is new and closes what is gone. What could not be opened, by name: what to do about it. */
  apply(plans: readonly ListenerPlan[]): Promise<ReadonlyMap<string, string>>;
  readonly open: readonly OpenListener[];
  /** Accepts no more. */
  close(): void;
}

interface Held {
  readonly plan: ListenerPlan;
  readonly where: ListenerPlan["where"];
  readonly server: Server;
}

export type Accept = (client: Socket, listener: string) => void;

const BACKLOG = 1_024;

export function openListening(accept: Accept, log: Log): Listening {
  const held = new Map<string, Held>();
  return {
    async apply(plans) {
      const problems = new Map<string, string>();
      const wanted = new Map(plans.map((plan) => [plan.name, plan]));
      for (const [name, { plan, server }] of held) {
        if (samePlace(wanted.get(name), plan)) continue;
        server.close();
        held.delete(name);
      }
      for (const plan of plans) {
        const before = held.get(plan.name);
        if (before !== undefined) {
          held.set(plan.name, { ...before, plan });
          continue;
        }
        const opened = await open(plan, accept, log);
        if (typeof opened === "string") problems.set(plan.name, opened);
        else held.set(plan.name, opened);
      }
      return problems;
    },
    get open() {
      return [...held.values()];
    },
    close: () => {
      for (const { server } of held.values()) server.close();
      held.clear();
    },
  };
}

function samePlace(one: ListenerPlan | undefined, other: ListenerPlan): boolean {
  return JSON.stringify(one?.where) === JSON.stringify(other.where) && one?.identity === other.identity;
}

async function open(plan: ListenerPlan, accept: Accept, log: Log): Promise<Held | string> {
  const { name, where } = plan;
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (client) =>
    accept(client, name),
  );
  const problem =
    where.kind === "socket" ? await listenOnSocket(server, plan, where.path) : await listenOn(server, where);
  if (problem !== undefined) return problem;
  server.on("error", (error) => log.error("listener failed", { listener: name, ...errorFields(error) }));
  const port = where.kind === "address" ? (server.address() as AddressInfo).port : 0;
  return { plan, server, where: where.kind === "address" ? { ...where, port } : where };
}

async function listenOn(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const failed = (error: NodeJS.ErrnoException): void => resolve(wordsFor(error, host, port));
  server.once("error", failed);
  server.listen({ host, port, backlog: BACKLOG }, () => resolve(undefined));
  const problem = await promise;
  server.off("error", failed);
  return problem;
}

function wordsFor({ code, message }: NodeJS.ErrnoException, host: string, port: number): string {
  switch (code) {
    case "EADDRINUSE":
      return `port ${port} on ${host} is taken: give the listener another one, or end who holds it (\`ss -ltnp 'sport = :${port}'\` shows that)`;
    case "EACCES":
      return `port ${port} may be opened by root only: give the listener a port from 1024 on`;
    case "EADDRNOTAVAIL":
      return `${host} is no address of this host`;
    default:
      return `${host}:${port} cannot be listened on: ${message}`;
  }
}

async function listenOnSocket(
  server: Server,
  { identity }: ListenerPlan,
  path: string,
): Promise<string | undefined> {
  const folder = dirname(path);
  const open = await folderProblem(folder, identity);
  if (open !== undefined) return open;
  try {
    await listenAlone(server, path);
    // Its folder says who may come in.
    await chmod(path, 0o666);
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    server.close();
    return `the socket cannot be opened: ${error.message}`;
  }
}

/** Whoever reaches an ambient listener is its subject, and the folder is all that keeps others from reaching it. */
async function folderProblem(
  folder: string,
  identity: ListenerPlan["identity"],
): Promise<string | undefined> {
  try {
    const { mode } = await lstat(folder);
    if (identity === "ambient" && (mode & 0o007) !== 0)
      return `the folder ${folder} is open to every user, and whoever reaches the socket is its subject: run \`chmod o= ${folder}\``;
    return undefined;
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    if (error.code === "ENOENT")
      return `the folder ${folder} is not there: run \`install -d -m 0700 ${folder}\`, with \`-o USER\` when the agent is another user`;
    return `the folder ${folder} cannot be looked at: ${error.message}`;
  }
}
