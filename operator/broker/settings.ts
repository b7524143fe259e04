/** What the broker of a cluster is told when it starts. The chart renders it as a ConfigMap. */
import type { LogLevel } from "#runtime/log.ts";
import { readConfigFile } from "#runtime/config-files.ts";
import { type Read, oneOf, record, text, whole } from "../config/fields.ts";
import type { Address } from "../config/settings.ts";

export interface BrokerSettings {
  /** On the replica's own volume. Holds `trail`, `keys`, `broker` and `probe`. */
  readonly state: string;
  readonly logLevel: LogLevel;
  readonly observability: Address;
}

/** In words, one problem an entry, when the file cannot be used. */
export function readBrokerSettings(path: string): BrokerSettings | readonly string[] {
  const file = readConfigFile(path);
  return "problem" in file ? [file.problem] : parseBrokerSettings(file.text);
}

export function parseBrokerSettings(json: string): BrokerSettings | readonly string[] {
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return [`not JSON: ${error.message}`];
  }
  const problems: string[] = [];
  return settings(document, "", problems) ?? problems;
}

const settings: Read<BrokerSettings> = record<BrokerSettings>({
  state: text("an absolute path", /^\/.{1,4095}$/),
  logLevel: oneOf(["debug", "info", "warn", "error"]),
  observability: record<Address>({
    host: text("a host name or an address", /^[0-9A-Za-z.:_-]{1,253}$/),
    port: whole(0, 65_535),
  }),
});
