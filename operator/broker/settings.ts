/** What the broker of a cluster is told when it starts. The chart renders it as a ConfigMap. */
import { GENERATIONS_MAX } from "#broker/lineage/lineage.ts";
import type { LogLevel } from "#runtime/log.ts";
import type { InjectionSettings } from "../admission/pod/contract.ts";
import {
  type Read,
  absolutePath,
  dictionary,
  host,
  list,
  oneOf,
  optional,
  parseDocument,
  readDocument,
  record,
  text,
  whole,
} from "../config/fields.ts";
import { address, injection, logLevel } from "../config/read.ts";
import type { Address } from "../config/settings.ts";
import type { RootSetting } from "./lineage/roots.ts";

export interface BrokerSettings {
  /** On the replica's own volume. Holds `trail`, `keys`, `broker` and `probe`. */
  readonly state: string;
  readonly logLevel: LogLevel;
  readonly observability: Address;
  /** Absent: it keeps its trail and serves nobody. */
  readonly cluster?: ClusterSettings;
}

export interface ClusterSettings {
  /** The broker's own. */
  readonly namespace: string;
  /** Where gateways keep a connection, each with the certificate that it was enrolled for. */
  readonly gateways: Address;
  /** Where they are enrolled, and whatever else is asked once. */
  readonly requests: Address;
  /** What gateways call it: names of the serving certificate. */
  readonly names: readonly string[];
  /** As the operator's: pods are checked against what they were injected with. */
  readonly injection: InjectionSettings;
  /** Absent: `LINEAGE_DEFAULT`. */
  readonly lineage?: LineageSettings;
}

export interface LineageSettings {
  /** Agents above a pod. */
  readonly depthMax: number;
  /** Children of one agent that live at a time. */
  readonly childrenMax: number;
  /** What users of the API server are who launch agents. */
  readonly roots: readonly RootSetting[];
}

export const LINEAGE_DEFAULT: LineageSettings = { depthMax: GENERATIONS_MAX, childrenMax: 64, roots: [] };

/** In words, one problem an entry, when the file cannot be used. */
export function readBrokerSettings(path: string): BrokerSettings | readonly string[] {
  return readDocument(path, settings);
}

export function parseBrokerSettings(json: string): BrokerSettings | readonly string[] {
  return parseDocument(json, settings);
}

const CLAIM = /^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}$/;

const settings: Read<BrokerSettings> = record<BrokerSettings>({
  state: absolutePath,
  logLevel,
  observability: address,
  cluster: optional(
    record<ClusterSettings>({
      namespace: text("a namespace", /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/),
      gateways: address,
      requests: address,
      names: list(host, 1, 32),
      injection,
      lineage: optional(
        record<LineageSettings>({
          depthMax: whole(0, 32),
          childrenMax: whole(1, 10_000),
          roots: list(
            record<RootSetting>({
              userPrefix: text("the beginning of a user's name", /^[\x20-\x7e]{1,253}$/),
              kind: oneOf(["person", "ci", "controller"]),
              provider: optional(
                text("an IdentityProvider's name", /^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/),
              ),
              claim: optional(text("a claim's name", CLAIM)),
              claims: optional(
                dictionary(text("the beginning of a group's name", /^[\x20-\x7e]{1,253}$/), 16, CLAIM),
              ),
            }),
            0,
            64,
          ),
        }),
      ),
    }),
  ),
});
