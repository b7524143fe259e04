/** A watch as batches of events: one batch is what arrived at once. Ends quietly where the API server ends it, and with an error otherwise. */
import { brokenOff, isRecord, KubeError, kubeError } from "./error.ts";
import { lineCutter } from "./lines.ts";
import { apiPath, query } from "./path.ts";
import type { KubeObject, Resource } from "./resource.ts";
import type { Answer, Transport } from "./transport.ts";

export interface WatchOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** What was seen last; undefined begins with all that there is, closed by a bookmark that is `complete`. */
  readonly resourceVersion: string | undefined;
  /** When the API server ends it by itself. */
  readonly timeoutSeconds: number;
  /** How long nothing at all may arrive, the head of the answer included. */
  readonly quietMsMax: number;
  readonly signal: AbortSignal;
}

export type WatchEvent<T> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  /** Nothing before this version is missing. */
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string; readonly complete: boolean };

/** May be empty: something arrived, if only half a line. */
export type WatchBatch<T> = readonly WatchEvent<T>[];

const COMPLETE = "k8s.io/initial-events-end";

export async function* readWatch<T extends KubeObject>(
  transport: Transport,
  resource: Resource<T>,
  options: WatchOptions,
): AsyncGenerator<WatchBatch<T>> {
  const { signal, quietMsMax } = options;
  const stalled = new AbortController();
  const timer = setTimeout(() => stalled.abort(), quietMsMax);
  const path = apiPath({ resource, namespace: options.namespace }) + search(options);
  try {
    const answer = await transport.send({ method: "GET", path }, AbortSignal.any([signal, stalled.signal]));
    if (answer.status !== 200) throw await refusal(answer);
    yield [];
    const cut = lineCutter();
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      timer.refresh();
      yield cut(chunk).map((line) => parseEvent<T>(line));
      // Whoever takes long with what it was given is not taken for a stall.
      timer.refresh();
    }
    if (!answer.isWhole()) throw brokenOff();
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (stalled.signal.aborted)
      throw new KubeError({ status: 0, reason: "Stalled", message: `nothing arrived for ${quietMsMax} ms` });
    if (error instanceof KubeError || !(error instanceof Error)) throw error;
    throw new KubeError({ status: 0, reason: "Unreachable", message: error.message, cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function search({ resourceVersion, labelSelector, fieldSelector, timeoutSeconds }: WatchOptions): string {
  const start =
    resourceVersion === undefined
      ? { sendInitialEvents: true, resourceVersionMatch: "NotOlderThan" }
      : { resourceVersion };
  return query({
    watch: true,
    allowWatchBookmarks: true,
    timeoutSeconds,
    labelSelector,
    fieldSelector,
    ...start,
  });
}

const REFUSAL_BYTES_MAX = 1024 * 1024;

async function refusal({ status, retryAfter, body }: Answer): Promise<KubeError> {
  let text = "";
  for await (const chunk of body as AsyncIterable<Buffer>) {
    text += chunk.toString("utf8");
    if (text.length > REFUSAL_BYTES_MAX) break;
  }
  return kubeError(status, parse(text), retryAfter);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function parseEvent<T extends KubeObject>(line: string): WatchEvent<T> {
  const event = parse(line);
  const object = isRecord(event) && isRecord(event["object"]) ? event["object"] : undefined;
  const type = isRecord(event) ? event["type"] : undefined;
  if (type === "ERROR") throw kubeError(500, object);
  const metadata = object !== undefined && isRecord(object["metadata"]) ? object["metadata"] : {};
  const resourceVersion = metadata["resourceVersion"];
  if (typeof resourceVersion === "string") {
    if (type === "BOOKMARK") {
      const annotations = isRecord(metadata["annotations"]) ? metadata["annotations"] : {};
      return { type, resourceVersion, complete: annotations[COMPLETE] === "true" };
    }
    if (
      (type === "ADDED" || type === "MODIFIED" || type === "DELETED") &&
      typeof metadata["name"] === "string"
    )
      return { type, object: object as unknown as T };
  }
  throw new KubeError({ status: 0, reason: "Unreadable", message: "a watch said what is no event" });
}
