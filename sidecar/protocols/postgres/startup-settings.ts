/** What a client's startup packet asks for, and whether all of it is known to be safe. */
import { isSafeSetting } from "#core/statements/postgres/settings.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import { parseOptions } from "#core/wire/postgres/options.ts";

export interface ClientStartup {
  readonly user: string;
  /** Undefined when the client named none, or only repeated its user name as libpq does. */
  readonly database: string | undefined;
  readonly applicationName: string;
  /** For the upstream's startup message; a refusal when one of them is not known to be safe. */
  readonly settings: ReadonlyMap<string, string> | Refusal;
  /** The client's own parameters as they came, `options` among them. */
  readonly requested: ReadonlyMap<string, string>;
}

/** Held as they are whatever the server's files or the role's settings say: analysis relies on each of them. */
const FIXED_SETTINGS = [
  ["client_encoding", "UTF8"],
  ["standard_conforming_strings", "on"],
  ["client_min_messages", "notice"],
] as const;

const NAME_CHARS_MAX = 63;

export function readClientStartup(parameters: ReadonlyMap<string, string>): ClientStartup | Refusal {
  const user = parameters.get("user") ?? "";
  if (user === "") return refusal("CLIENT_PROTOCOL", "the startup packet names no user");
  if (isReplication(parameters.get("replication")))
    return refusal("NOT_SUPPORTED", "replication connections are not carried");
  const asked = askedSettings(parameters);
  const names = isRefusal(asked) ? [...parameters] : asked;
  const named = names.findLast(([name]) => name.toLowerCase() === "application_name");
  const database = parameters.get("database");
  return {
    user,
    database: database === user || database === "" ? undefined : database,
    applicationName: printable(named?.[1] ?? ""),
    settings: isRefusal(asked) ? asked : safeSettings(asked),
    requested: new Map(
      [...parameters].filter(([name]) => !["user", "database", "replication"].includes(name)),
    ),
  };
}

type Settings = readonly (readonly [name: string, value: string])[];

function safeSettings(asked: Settings): ReadonlyMap<string, string> | Refusal {
  const settings = new Map<string, string>(FIXED_SETTINGS);
  for (const [name, value] of asked) {
    const safe = safeValue(name, value);
    if (safe === undefined)
      return refusal(
        "NOT_SUPPORTED",
        `the startup parameter ${printable(name)} cannot be set through the gateway`,
      );
    settings.set(name, safe);
  }
  return settings;
}

const isReplication = (value: string | undefined): boolean =>
  value !== undefined && !["false", "off", "no", "0", "f", "n"].includes(value.toLowerCase());

/** `options` first: PostgreSQL applies the packet's own parameters after it. */
function askedSettings(parameters: ReadonlyMap<string, string>): Settings | Refusal {
  const options = parseOptions(parameters.get("options") ?? "");
  if ("fault" in options) return refusal("NOT_SUPPORTED", options.fault);
  const own = [...parameters]
    .filter(([name]) => !["user", "database", "options", "replication"].includes(name))
    .map(([name, value]) => [name.toLowerCase(), value] as const);
  return [...options.settings, ...own];
}

function safeValue(name: string, value: string): string | undefined {
  if (name === "client_encoding") return encoding(value);
  return isSafeSetting(name, [value]) ? value : undefined;
}

/** PostgreSQL ignores case and punctuation in the names of encodings; ASCII alone is UTF-8 too. */
function encoding(value: string): string | undefined {
  const word = value.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  return ["utf8", "unicode", "sqlascii", "usascii"].includes(word) ? "UTF8" : undefined;
}

/** As PostgreSQL does with application names: what is not plain ASCII becomes a question mark. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, NAME_CHARS_MAX);
}

/** The mark comes first: PostgreSQL cuts the name at 63 bytes. */
export function markedApplicationName(mark: string, clientName: string): string {
  return printable(clientName === "" ? mark : `${mark} ${clientName}`);
}
