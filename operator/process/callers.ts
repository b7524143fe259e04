/** Who may call the admission port, from a file that others renew. */
import { readFileSync, statSync } from "node:fs";
import { errorFields, type Log } from "#runtime/log.ts";
import { type Clock, pause } from "../kube/clock.ts";

export interface CallersFile {
  /** As it was when it could last be read. */
  readonly pem: string;
  onChange(listener: () => void): void;
}

const LOOK_MS = 5_000;
const BYTES_MAX = 1_048_576;

/** Throws when it cannot be read at first: without it everybody would be turned away. */
export function followCallersFile(
  path: string,
  { clock, log, signal }: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): CallersFile {
  const listeners = new Set<() => void>();
  let pem = read(path);
  async function follow(): Promise<void> {
    while (await pause(clock, LOOK_MS, signal)) {
      const before = pem;
      try {
        pem = read(path);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        log.error(
          "the certificate authority of callers cannot be read; the last one stays in force",
          errorFields(error),
        );
      }
      if (pem !== before) for (const listener of listeners) listener();
    }
  }
  void follow();
  return {
    get pem() {
      return pem;
    },
    onChange: (listener) => void listeners.add(listener),
  };
}

function read(path: string): string {
  if (statSync(path).size > BYTES_MAX) throw new RangeError(`${path} is larger than ${BYTES_MAX} bytes`);
  const pem = readFileSync(path, "utf8");
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) throw new TypeError(`${path} holds no certificate`);
  return pem;
}
