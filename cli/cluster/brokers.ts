/** Asks every replica of the broker, each of which knows of its own gateways alone. What one of them does not answer is said. */
import type { PeopleProblem } from "#broker/api/people/routes.ts";
import { type Kube } from "#operator/kube/client.ts";
import { KubeError } from "#operator/kube/error.ts";
import { CONFIG_MAPS, STATEFUL_SETS, objectKey } from "#operator/kube/resource.ts";
import { AUTHORITY_CONFIG_MAP, BROKER } from "#operator/names.ts";
import type { Asked } from "../admin/client.ts";
import { type Forwarded, forward } from "./forward.ts";
import { askHttps } from "./https.ts";
import type { Place } from "./place.ts";
import { openProver } from "./proof.ts";
import { lackingRight, wayIn } from "./rights.ts";

export const BROKER_OPTION = {
  broker: {
    type: "string",
    value: "HOST:PORT",
    multiple: true,
    help: "ask there, one for each replica, and not through kubectl port-forward",
  },
} as const;

export interface FromReplica<Answer> {
  readonly replica: string;
  readonly value: Answer;
}
export interface Silent {
  readonly replica: string;
  readonly problem: string;
}
/** At least one has answered. */
export interface Answers<Answer> {
  readonly answers: readonly FromReplica<Answer>[];
  readonly silent: readonly Silent[];
}

export interface Brokers extends AsyncDisposable {
  ask<Answer>(
    method: "GET" | "POST",
    path: string,
    signal: AbortSignal,
    body?: object,
  ): Promise<Asked<Answers<Answer>>>;
}

interface Address {
  readonly host: string;
  readonly port: number;
}
/** How one replica is come by; rejects with why it cannot be. */
interface Replica {
  readonly name: string;
  address(): Promise<Address>;
}

export function openBrokers(place: Place, given: readonly string[], nowMs: () => number): Brokers {
  const { kube, systemNamespace } = place;
  const prover = openProver(kube, nowMs);
  const opened = new AsyncDisposableStack();
  let known: Promise<{ readonly replicas: readonly Replica[]; readonly caPem: string }> | undefined;

  async function look(signal: AbortSignal) {
    const [replicas, caPem] = await Promise.all([
      given.length > 0 ? given.map(replicaAt) : forwardedReplicas(place, opened, signal),
      authorityOf(kube, systemNamespace, signal),
    ]);
    return { replicas, caPem };
  }

  return {
    async ask<Answer>(
      method: "GET" | "POST",
      path: string,
      signal: AbortSignal,
      body?: object,
    ): Promise<Asked<Answers<Answer>>> {
      try {
        known ??= look(signal);
        const { replicas, caPem } = await known;
        const proof = await prover.proof(signal);
        const serverName = `${BROKER.service}.${systemNamespace}.svc`;
        const results = await Promise.all(
          replicas.map(async ({ name, address }) => {
            try {
              const trust = { ...(await address()), ca: caPem, serverName, ...proof };
              return { replica: name, ...(await askHttps(trust, { method, path, body }, signal)) };
            } catch (error) {
              return { replica: name, status: 0, body: { problem: textOf(error) } };
            }
          }),
        );
        return summedUp(results);
      } catch (error) {
        known = undefined;
        if (!(error instanceof KubeError)) throw error;
        return { ok: false, message: error.status === 403 ? wayIn(error, systemNamespace) : textOf(error) };
      }
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

interface Result {
  readonly replica: string;
  readonly status: number;
  readonly body: unknown;
}

/** Pure. A right that is lacking is lacking everywhere: then nobody's silence matters. */
export function summedUp<Answer>(results: readonly Result[]): Asked<Answers<Answer>> {
  const answers: FromReplica<Answer>[] = [];
  const silent: Silent[] = [];
  for (const { replica, status, body } of results) {
    if (status === 200) {
      answers.push({ replica, value: body as Answer });
      continue;
    }
    const { problem, right, person = "you" } = problemIn(body);
    if (status === 403 && right !== undefined) return { ok: false, message: lackingRight(person, right) };
    silent.push({ replica, problem: problem ?? `it answered with ${status}` });
  }
  if (answers.length > 0) return { ok: true, value: { answers, silent } };
  const why = silent.map(({ replica, problem }) => `\n  ${replica}: ${problem}`);
  return { ok: false, message: `no broker answers${why.length === 0 ? ": there are none" : why.join("")}` };
}

function problemIn(body: unknown): Partial<PeopleProblem> {
  return typeof body === "object" && body !== null ? body : {};
}

async function forwardedReplicas(
  place: Place,
  opened: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<readonly Replica[]> {
  const { kube, systemNamespace: namespace, kubectlWords } = place;
  const set = await kube.get(STATEFUL_SETS, objectKey(namespace, BROKER.service), { signal });
  if (set === undefined)
    throw new KubeError({
      status: 404,
      reason: "NotFound",
      message: `there is no broker in namespace ${namespace}; where Sallyport is installed elsewhere, say --system-namespace`,
    });
  return Array.from({ length: set.spec?.replicas ?? 0 }, (_, index) => {
    const pod = `${BROKER.service}-${index}`;
    let way: Promise<Forwarded> | undefined;
    return {
      name: pod,
      async address() {
        way ??= forward({ namespace, pod, port: BROKER.requestsPort, kubectlWords }).then((open) =>
          opened.use(open),
        );
        try {
          return { host: "127.0.0.1", port: (await way).port };
        } catch (error) {
          // The next question is asked anew: a pod that has been replaced is another one.
          way = undefined;
          throw error;
        }
      },
    };
  });
}

function replicaAt(text: string): Replica {
  const colon = text.lastIndexOf(":");
  const host = text.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return { name: text, address: async () => ({ host, port: Number(text.slice(colon + 1)) }) };
}

async function authorityOf(kube: Kube, namespace: string, signal: AbortSignal): Promise<string> {
  const { name, member } = AUTHORITY_CONFIG_MAP;
  const found = await kube.get(CONFIG_MAPS, objectKey(namespace, name), { signal });
  const pem = found?.data?.[member];
  if (pem !== undefined) return pem;
  throw new KubeError({
    status: 404,
    reason: "NotFound",
    message: `no broker has published its certificate authority in namespace ${namespace} yet`,
  });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
