/** What names mean, asked of the API server; names outside are in a file that tests rewrite. */
import { readFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { once } from "node:events";
import { json } from "node:stream/consumers";
import type { IncomingMessage } from "node:http";
import type { Cluster, ClusterService, ServiceEndpoint } from "./names.ts";

export interface ApiAccess {
  readonly url: string;
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

const ANSWER_MS_MAX = 2_000;
const CONNECTIONS_MAX = 16;

export function clusterOf(api: ApiAccess, outsideFile: string): Cluster {
  const agent = new Agent({
    keepAlive: true,
    maxSockets: CONNECTIONS_MAX,
    ca: api.ca,
    cert: api.certificate,
    key: api.key,
  });
  async function get<Found>(path: string): Promise<Found | undefined> {
    const asking = request(`${api.url}${path}`, { agent, signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    const answered = once(asking, "response") as Promise<[IncomingMessage]>;
    asking.end();
    const [answer] = await answered;
    const body = await json(answer);
    if (answer.statusCode === 404) return undefined;
    if (answer.statusCode !== 200)
      throw new Error(`the API server answers ${path} with ${answer.statusCode}`);
    return body as Found;
  }
  const part = encodeURIComponent;
  return {
    service: async (namespace, name) =>
      (await get<{ spec: ClusterService }>(`/api/v1/namespaces/${part(namespace)}/services/${part(name)}`))
        ?.spec,
    async endpoints(namespace, service) {
      const path = `/apis/discovery.k8s.io/v1/namespaces/${part(namespace)}/endpointslices`;
      const label = part(`kubernetes.io/service-name=${service}`);
      const slices = await get<{ items: { endpoints: ServiceEndpoint[] | null }[] }>(
        `${path}?labelSelector=${label}`,
      );
      return slices?.items.flatMap(({ endpoints }) => endpoints ?? []) ?? [];
    },
    async outside(name) {
      const names = JSON.parse(await readFile(outsideFile, "utf8")) as Record<string, string[]>;
      return Object.hasOwn(names, name) ? names[name] : undefined;
    },
  };
}
