/**
 * What a name in a cluster means (the DNS specification of Kubernetes, 1.1.0). Looked up in the API at each question: nothing is
 * remembered, so nothing can be out of date.
 */
import { type Answer, type DnsRecord, type Question, TYPES } from "./message.ts";

export interface ClusterService {
  /** `None` when headless. */
  readonly clusterIP?: string;
  readonly externalName?: string;
  readonly publishNotReadyAddresses?: boolean;
  readonly ports?: readonly { readonly name?: string; readonly protocol?: string; readonly port: number }[];
}

export interface ServiceEndpoint {
  readonly addresses: readonly string[];
  readonly hostname?: string;
  readonly conditions?: { readonly ready?: boolean };
}

export interface Cluster {
  service(namespace: string, name: string): Promise<ClusterService | undefined>;
  endpoints(namespace: string, service: string): Promise<readonly ServiceEndpoint[]>;
  /** Names outside of the cluster, with the addresses that a test gave them. */
  outside(name: string): Promise<readonly string[] | undefined>;
}

const UNKNOWN: Answer = { code: "unknownName", records: [] };

export async function resolve(question: Question, cluster: Cluster, domain: string): Promise<Answer> {
  const { name } = question;
  const records = name.endsWith(`.${domain}`)
    ? await recordsInCluster(name, name.slice(0, -domain.length - 1).split("."), cluster, domain)
    : addressRecords(name, await cluster.outside(name));
  if (records === undefined) return UNKNOWN;
  const target = records.find((record) => record.type === "CNAME");
  const more =
    target === undefined ? [] : addressRecords(target.target, await cluster.outside(target.target));
  return { code: "ok", records: [...records, ...(more ?? [])].filter((record) => isAsked(question, record)) };
}

/** A name that is there has an answer to every type of question, if an empty one. */
function isAsked({ type }: Question, record: DnsRecord): boolean {
  return type === TYPES.ANY || record.type === "CNAME" || type === TYPES[record.type];
}

async function recordsInCluster(
  name: string,
  labels: readonly string[],
  cluster: Cluster,
  domain: string,
): Promise<readonly DnsRecord[] | undefined> {
  const [kind, namespace, ...rest] = labels.toReversed();
  if (namespace === undefined) return kind === "svc" || kind === "pod" ? [] : undefined;
  if (kind === "pod") return rest.length === 1 ? podByAddress(name, rest[0] ?? "") : undefined;
  const [serviceName, ...before] = rest;
  if (kind !== "svc" || before.length > 2) return undefined;
  // A namespace has a name of its own, without records.
  if (serviceName === undefined) return [];
  const service = await cluster.service(namespace, serviceName);
  if (service === undefined) return undefined;
  const at: ServiceAt = {
    name: `${serviceName}.${namespace}.svc.${domain}`,
    namespace,
    serviceName,
    service,
  };
  const [protocol, port] = before;
  if (port !== undefined) return await portRecords(name, at, { port, protocol: protocol ?? "" }, cluster);
  if (service.externalName !== undefined && protocol === undefined)
    return [{ name, type: "CNAME", target: service.externalName.replace(/\.$/, "") }];
  if (service.clusterIP !== "None")
    return protocol === undefined ? addressRecords(name, [service.clusterIP ?? ""]) : undefined;
  const hosts = await hostsOf(at, cluster);
  const found = protocol === undefined ? hosts : hosts.filter(({ host }) => host === protocol);
  return found.length === 0
    ? undefined
    : found.flatMap(({ addresses }) => addressRecords(name, addresses) ?? []);
}

interface ServiceAt {
  readonly name: string;
  readonly namespace: string;
  readonly serviceName: string;
  readonly service: ClusterService;
}

interface Host {
  readonly host: string;
  readonly addresses: readonly string[];
}

/** Of a headless Service: each pod by its hostname, or by its address when it has none. */
async function hostsOf(
  { namespace, serviceName, service }: ServiceAt,
  cluster: Cluster,
): Promise<readonly Host[]> {
  const endpoints = await cluster.endpoints(namespace, serviceName);
  return endpoints
    .filter(({ conditions }) => conditions?.ready !== false || service.publishNotReadyAddresses === true)
    .map(({ hostname, addresses }) => ({
      host: hostname ?? (addresses[0] ?? "").replaceAll(".", "-"),
      addresses,
    }));
}

/** `_https._tcp.<service>`. */
async function portRecords(
  name: string,
  at: ServiceAt,
  asked: { readonly port: string; readonly protocol: string },
  cluster: Cluster,
): Promise<readonly DnsRecord[] | undefined> {
  const found = (at.service.ports ?? []).find(
    (port) =>
      `_${port.name}` === asked.port && `_${(port.protocol ?? "TCP").toLowerCase()}` === asked.protocol,
  );
  if (found === undefined) return undefined;
  const targets =
    at.service.clusterIP === "None"
      ? (await hostsOf(at, cluster)).map(({ host }) => `${host}.${at.name}`)
      : [at.name];
  return targets.map((target) => ({ name, type: "SRV", port: found.port, target }));
}

/** `10-244-0-7.<namespace>.pod`. */
function podByAddress(name: string, label: string): readonly DnsRecord[] | undefined {
  const address = label.replaceAll("-", ".");
  return /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/.test(address)
    ? addressRecords(name, [address])
    : undefined;
}

function addressRecords(name: string, addresses: readonly string[] | undefined): DnsRecord[] | undefined {
  return addresses?.map((address) => ({ name, type: "A", address }));
}
