/** The operator's configuration file, strictly: a file that is not understood entirely is not used at all. */
import type { LogLevel } from "#runtime/log.ts";
import { type InjectionSettings, ROOTLESS, type Rendering } from "../admission/pod/contract.ts";
import {
  type Read,
  absolutePath,
  dictionary,
  flag,
  host,
  isObject,
  list,
  oneOf,
  optional,
  parseDocument,
  readDocument,
  record,
  text,
  whole,
  wrong,
} from "./fields.ts";
import {
  type Address,
  CONFIGURATION_KINDS,
  type OperatorSettings,
  type WebhookConfiguration,
  type WebhookSettings,
} from "./settings.ts";

/** In words, one problem an entry, when the file cannot be used. */
export function readSettings(path: string): OperatorSettings | readonly string[] {
  return readDocument(path, settings);
}

export function parseSettings(json: string): OperatorSettings | readonly string[] {
  return parseDocument(json, settings);
}

const name = text("a name of lower-case letters, digits, - and .", /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/);
const hostAndPort = text("host:port", /^([0-9A-Za-z._-]{1,253}|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/);
const ipAddress = text("an IP address", /^[0-9A-Fa-f.:]{2,45}$/);
const audience = text("an audience", /^[\x21-\x7e]{1,256}$/);
const image = text("an image reference", /^[a-z0-9][A-Za-z0-9._/:@-]{0,511}$/);
const quantity = text("a quantity, such as 50m or 64Mi", /^\d{1,15}(\.\d{1,9})?([numkKMGTPE]|[KMGTPE]i)?$/);
const labelValue = text("the value of a label", /^[0-9A-Za-z._-]{0,63}$/);
const commonName = text("a common name", /^.{1,256}$/);

export const address = record<Address>({ host, port: whole(0, 65_535) });
export const logLevel = oneOf<LogLevel>(["debug", "info", "warn", "error"]);
const quantities = dictionary(quantity, 16);
const resources = record<{ requests?: Record<string, string>; limits?: Record<string, string> }>({
  requests: optional(quantities),
  limits: optional(quantities),
});

const rendering = {
  images: record({ init: image, gateway: image }),
  pullPolicy: oneOf(["Always", "IfNotPresent", "Never"]),
  resolvers: list(ipAddress, 0, 8),
  broker: hostAndPort,
  resources: record({ init: resources, gateway: resources }),
};

export const injection = record<InjectionSettings>({
  ...rendering,
  former: optional(list(record<Rendering>(rendering), 0, 16)),
  apiAudiences: optional(list(audience, 0, 16)),
  rootless: oneOf(ROOTLESS),
});

const webhook = record<WebhookSettings>({
  listen: address,
  names: list(host, 1, 32),
  authoritySecret: name,
  clientCertificate: optional(
    record<NonNullable<WebhookSettings["clientCertificate"]>>({
      caFile: absolutePath,
      commonNames: optional(list(commonName, 1, 32)),
    }),
  ),
  configurations: list(webhookConfiguration(), 1, 16),
  owner: name,
});

const settings: Read<OperatorSettings> = record<OperatorSettings>({
  namespace: name,
  configMap: optional(name),
  logLevel,
  webhook,
  observability: address,
  lease: name,
  drainSeconds: whole(0, 300),
  injection,
  networkPolicy: record<OperatorSettings["networkPolicy"]>({
    enabled: flag,
    metricsFromNamespaces: optional(dictionary(labelValue, 16)),
  }),
});

const readKind = oneOf(CONFIGURATION_KINDS);

/** Its outline: the API server judges the rest when it is applied. */
function webhookConfiguration(): Read<WebhookConfiguration> {
  return (json, place, problems) => {
    if (!isObject(json)) return wrong(place, "a webhook configuration", problems);
    const before = problems.length;
    const { apiVersion, kind, metadata, webhooks } = json;
    if (apiVersion !== "admissionregistration.k8s.io/v1")
      wrong(`${place}.apiVersion`, "admissionregistration.k8s.io/v1", problems);
    readKind(kind, `${place}.kind`, problems);
    if (isObject(metadata)) name(metadata["name"], `${place}.metadata.name`, problems);
    else wrong(`${place}.metadata`, "an object", problems);
    if (!Array.isArray(webhooks) || webhooks.length === 0) wrong(`${place}.webhooks`, "a list", problems);
    else for (const [at, entry] of webhooks.entries()) outline(entry, `${place}.webhooks[${at}]`, problems);
    return problems.length === before ? (json as unknown as WebhookConfiguration) : undefined;
  };
}

function outline(webhook: unknown, place: string, problems: string[]): undefined {
  if (!isObject(webhook)) return wrong(place, "an object", problems);
  name(webhook["name"], `${place}.name`, problems);
  const { clientConfig } = webhook;
  if (!isObject(clientConfig)) return wrong(`${place}.clientConfig`, "an object", problems);
  if (clientConfig["caBundle"] !== undefined)
    problems.push(`${place}.clientConfig.caBundle: leave it out; the operator fills it in`);
  // An API server that may let pods pass unseen when we are down is the one mistake that this file must not carry.
  if (webhook["failurePolicy"] !== "Fail") wrong(`${place}.failurePolicy`, "Fail", problems);
  return undefined;
}
