/** What the operator tells the gateway in its environment. What is wrong with it is said in words, all of it at once. */
import { isIP } from "node:net";

export interface PodSettings {
  readonly pod: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly node: string;
  };
  readonly broker: { readonly host: string; readonly port: number };
  /** Never the pod's own, which its containers can write. */
  readonly resolvers: readonly string[];
  /** How often the launcher has started the gateway again in this container. */
  readonly restarts: number;
}

const NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
const UID = /^[0-9a-f-]{1,64}$/;

export function readSettings(
  variables: Readonly<Record<string, string | undefined>>,
): PodSettings | readonly string[] {
  const problems: string[] = [];
  const read = (variable: string, isRight: (value: string) => boolean, what: string): string => {
    const value = variables[variable] ?? "";
    if (!isRight(value)) problems.push(`${variable} must be ${what}, not ${JSON.stringify(value)}`);
    return value;
  };
  const name = (variable: string): string => read(variable, (value) => NAME.test(value), "a name");
  const settings = {
    pod: {
      name: name("POD_NAME"),
      namespace: name("POD_NAMESPACE"),
      uid: read("POD_UID", (value) => UID.test(value), "a uid"),
      node: name("NODE_NAME"),
    },
    broker: addressOf(read("GW_BROKER", (value) => addressOf(value).port > 0, "host:port")),
    resolvers: read("GW_RESOLVERS", areAddresses, "IP addresses with commas between them").split(","),
    restarts: Number(variables["GW_RESTARTS"] ?? 0),
  };
  return problems.length === 0 ? settings : problems;
}

/** Port 0 for what is none. */
function addressOf(text: string): { readonly host: string; readonly port: number } {
  const [, host = "", digits = "0"] =
    /^([A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\]):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  return { host, port: port <= 65_535 ? port : 0 };
}

const areAddresses = (text: string): boolean => text.split(",").every((address) => isIP(address) !== 0);
