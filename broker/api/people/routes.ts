/** What people ask of one replica in a cluster: who runs what, and to end it. Each asks by their own rights in the cluster. */
import type { TLSSocket } from "node:tls";
import type { FastifyReply, FastifyRequest } from "fastify";
import { PEOPLE_PATHS, type Right } from "#core/port/people.ts";
import { type Note, causeOf } from "../../note.ts";
import type { PodName } from "../../pods/pods.ts";
import type { Trail } from "../../trail/trail.ts";
import {
  type Administered,
  type KillRequest,
  type Killed,
  type Scope,
  kill,
  readKill,
  sessionsOf,
  statusOf,
} from "../administration.ts";
import type { Routes } from "../serve-https.ts";
import { type DiagnosisDeps, diagnosisOf } from "./diagnosis.ts";
import type { People, Person } from "./people.ts";

export interface PeopleDeps extends Administered {
  readonly broker: Administered["broker"] & DiagnosisDeps["broker"];
  readonly people: People;
  readonly trail: Pick<Trail, "health" | "say">;
  readonly note: Note;
}

/** Beside the answer's own members. */
export interface FromReplica {
  /** `false`: sessions were ended, and that could not be put on record. */
  readonly isOnRecord?: boolean;
}
/** What is said in place of an answer. */
export interface PeopleProblem {
  readonly problem: string;
  /** Where it is lacking; people are told how it is given. */
  readonly right?: Right;
  readonly person?: string;
}

/** Each asks the cluster twice. */
const AT_ONCE_MAX = 32;
const ANSWER_MS_MAX = 10_000;
/** What is to be ended is ended at once, and the record of it is not waited for longer. */
const RECORD_MS_MAX = 2_000;
const KILLED_PER_EVENT = 256;
const POD = /^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/;
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

type Answered = Readonly<{ status: number; body: object }>;

export function peopleRoutes(deps: PeopleDeps): Routes {
  let underWay = 0;

  async function within(request: FastifyRequest, right: Right, act: Act): Promise<Answered> {
    if (underWay >= AT_ONCE_MAX) return problem(503, { problem: "too much is asked at once; ask again" });
    underWay += 1;
    const patience = AbortSignal.timeout(ANSWER_MS_MAX);
    try {
      const person = await admitted(request, right, deps, patience);
      return "status" in person ? person : await act(person, patience);
    } catch (error) {
      if (!patience.aborted) deps.note("port.failed", { operation: "people", cause: causeOf(error) });
      return problem(503, { problem: "the API server could not be asked who you are and what you may" });
    } finally {
      underWay -= 1;
    }
  }

  return (app) => {
    app.get(PEOPLE_PATHS.sessions, async (request, reply) => {
      const scope = scopeOf(request);
      if (scope === undefined) return send(reply, NO_NAMESPACE);
      const right = inScope({ verb: "list", resource: "sessions" }, scope.namespace);
      return send(
        reply,
        await within(request, right, async () => ok({ sessions: sessionsOf(deps, scope.namespace) })),
      );
    });
    app.get(PEOPLE_PATHS.status, async (request, reply) => {
      const right: Right = { verb: "get", resource: "brokers" };
      return send(reply, await within(request, right, async () => ok(statusOf(deps))));
    });
    app.get(PEOPLE_PATHS.pod, async (request, reply) => {
      const pod = podOf(request);
      if (pod === undefined) return send(reply, problem(400, { problem: "that is no name of a pod" }));
      const right: Right = { verb: "list", resource: "sessions", namespace: pod.namespace };
      return send(
        reply,
        await within(request, right, async (_person, patience) => ok(await diagnosisOf(pod, deps, patience))),
      );
    });
    app.post(PEOPLE_PATHS.kill, async (request, reply) => {
      const scope = scopeOf(request);
      if (scope === undefined) return send(reply, NO_NAMESPACE);
      const wanted = readKill(request.body);
      if (wanted === undefined)
        return send(reply, problem(400, { problem: "say {session}, {caller} or {pod}" }));
      const right = inScope({ verb: "delete", resource: "sessions" }, scope.namespace);
      return send(
        reply,
        await within(request, right, async (person) =>
          ok(await endFor(person, wanted, scope.namespace, deps)),
        ),
      );
    });
  };
}

type Act = (person: Person, patience: AbortSignal) => Promise<Answered>;

async function admitted(
  { raw }: FastifyRequest,
  right: Right,
  { people }: PeopleDeps,
  patience: AbortSignal,
): Promise<Person | Answered> {
  const socket = raw.socket as TLSSocket;
  // That nobody we know has signed it does not matter: what counts is that the key was used for this handshake.
  const key = socket.isSessionReused() ? undefined : socket.getPeerX509Certificate()?.publicKey;
  if (key === undefined) return problem(401, { problem: "show the certificate of a key of your own" });
  const person = await people.who(key, patience);
  if ("problem" in person) return problem(401, person);
  if (await people.may(person, right, patience)) return person;
  return problem(403, { problem: "that is not yours to ask", right, person: person.name });
}

/** Ended first, whatever the trail says: somebody is in there. */
async function endFor(
  person: Person,
  wanted: KillRequest,
  scope: Scope,
  deps: PeopleDeps,
): Promise<Killed & FromReplica> {
  const { trail, note } = deps;
  const { killed } = kill(wanted, deps, scope);
  if (killed.length === 0) return { killed };
  note("sessions.killed", { by: person.name, sessions: killed.length });
  const patience = AbortSignal.timeout(RECORD_MS_MAX);
  let isOnRecord = true;
  for (let at = 0; at < killed.length; at += KILLED_PER_EVENT) {
    const sessions = killed.slice(at, at + KILLED_PER_EVENT);
    try {
      const said = await trail.say({ kind: "sessions.killed", by: person.name, sessions }, patience);
      if (said !== undefined) isOnRecord = false;
    } catch (error) {
      if (!patience.aborted) throw error;
      isOnRecord = false;
    }
  }
  return { killed, ...(isOnRecord ? {} : { isOnRecord }) };
}

/** Undefined: what is named is no namespace. */
function scopeOf({ query }: FastifyRequest): { readonly namespace: Scope } | undefined {
  const { namespace } = query as Readonly<Record<string, unknown>>;
  if (namespace === undefined) return { namespace };
  return typeof namespace === "string" && NAMESPACE.test(namespace) ? { namespace } : undefined;
}

function podOf({ query }: FastifyRequest): PodName | undefined {
  const { namespace, name } = query as Readonly<Record<string, unknown>>;
  if (typeof namespace !== "string" || !NAMESPACE.test(namespace)) return undefined;
  return typeof name === "string" && POD.test(name) ? { namespace, name } : undefined;
}

const inScope = (right: Right, namespace: Scope): Right =>
  namespace === undefined ? right : { ...right, namespace };

const ok = (body: object): Answered => ({ status: 200, body });
const problem = (status: number, body: PeopleProblem): Answered => ({ status, body });
const NO_NAMESPACE = problem(400, { problem: "that is no name of a namespace" });

function send(reply: FastifyReply, { status, body }: Answered): FastifyReply {
  return reply.code(status).header("cache-control", "no-store").send(body);
}
