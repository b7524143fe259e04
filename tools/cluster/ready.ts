/** Waiting for an API server that is starting. */
import { once } from "node:events";
import { Agent, request } from "node:https";
import type { IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import type { Child } from "#tools/world/child.ts";
import type { Pki } from "./pki.ts";

const READY_MS_MAX = 60_000;
const POLL_MS = 20;
const ANSWER_MS_MAX = 5_000;
const LOG_CHARS = 3_000;

/** A program that ought to run on. */
export type Watched = Pick<Child, "output"> & { readonly exited: Promise<unknown> };

export interface Asked {
  readonly url: string;
  readonly pki: Pki;
  /** Its data has what a new server gives itself; see BOOTSTRAP_HOOKS. */
  readonly isBootstrapped?: boolean;
}

/** They sleep a second before they look whether RBAC's own roles and priority classes are there. */
const BOOTSTRAP_HOOKS = ["rbac/bootstrap-roles", "scheduling/bootstrap-system-priority-classes"];

/** Every start-up hook has run. Rejects at once when a server has ended. */
export async function whenReady(
  { url, pki, isBootstrapped }: Asked,
  server: Watched,
  etcd: Watched,
): Promise<void> {
  // Until RBAC has its own roles, only the administrator may ask.
  const { certificatePem: cert, keyPem: key } = pki.client("readiness", ["system:masters"]);
  const agent = new Agent({ ca: pki.caPem, cert, key, keepAlive: true, maxSockets: 1 });
  const left = isBootstrapped === true ? BOOTSTRAP_HOOKS.map((hook) => `exclude=poststarthook/${hook}`) : [];
  const question = `${url}/readyz?${left.join("&")}`;
  const ended = Promise.race([
    server.exited.then(() => `the API server has ended:\n${server.output().slice(-LOG_CHARS)}`),
    etcd.exited.then(() => `etcd has ended:\n${etcd.output().slice(-LOG_CHARS)}`),
  ]);
  const over = new AbortController();
  void ended.then((why) => over.abort(new Error(why)));
  const deadline = AbortSignal.timeout(READY_MS_MAX);
  const signal = AbortSignal.any([over.signal, deadline]);
  try {
    while (!(await isReady(question, agent))) await pause(POLL_MS, undefined, { signal });
  } catch (error) {
    if (over.signal.aborted) throw over.signal.reason;
    if (!deadline.aborted) throw error;
    throw new Error(`the API server is not ready:\n${server.output().slice(-LOG_CHARS)}`, { cause: error });
  } finally {
    agent.destroy();
  }
}

async function isReady(question: string, agent: Agent): Promise<boolean> {
  const signal = AbortSignal.timeout(ANSWER_MS_MAX);
  const asking = request(question, { agent, signal });
  try {
    const answered = once(asking, "response");
    asking.end();
    const [answer] = (await answered) as [IncomingMessage];
    await text(answer);
    return answer.statusCode === 200;
  } catch {
    // Refused, reset or silent: it is not ready, and whether it ever will be is the caller's to say.
    return false;
  }
}
