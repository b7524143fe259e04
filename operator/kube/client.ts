/** Calls to the API server: JSON as it is on the wire, a deadline on each, and one type of error. */
import type { Readable } from "node:stream";
import type { Access } from "./access.ts";
import { brokenOff, isRecord, KubeError, kubeError } from "./error.ts";
import { apiPath, type Place, query } from "./path.ts";
import { apiVersionOf, keyOf, type KubeObject, type ObjectKey, type Resource } from "./resource.ts";
import { type Answer, openTransport, type PingTiming, type Sent, type Transport } from "./transport.ts";
import { readWatch, type WatchBatch, type WatchOptions } from "./watch.ts";

export const FIELD_MANAGER = "sallyport-operator";

export interface Call {
  readonly signal: AbortSignal;
  readonly deadlineMs?: number;
  /** The API server does everything but store it. */
  readonly dryRun?: boolean;
}

export interface Selection {
  /** Every namespace when absent. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface Listed<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
}

export interface ApplyCall extends Call {
  /** Takes fields over from whoever else owns them, where that would be a conflict. */
  readonly force?: boolean;
}

export interface DeleteCall extends Call {
  /** Only this very object, in this very state. */
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export type PatchOperation =
  | { readonly op: "test" | "add" | "replace"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };

/** What is applied need not be whole: it holds the fields that we own. */
export type Applied<T extends KubeObject> = Pick<T, "metadata"> & Partial<Omit<T, keyof KubeObject>>;

export interface Kube extends Disposable {
  /** Undefined when there is no such object. */
  get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, call: Call): Promise<T | undefined>;
  /** Everything, page by page: what is not kept of one page need not fit into memory with the next. */
  pages<T extends KubeObject>(resource: Resource<T>, call: Call & Selection): AsyncGenerator<Listed<T>>;
  list<T extends KubeObject>(resource: Resource<T>, call: Call & Selection): Promise<Listed<T>>;
  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncGenerator<WatchBatch<T>>;
  create<T extends KubeObject>(resource: Resource<T>, object: Applied<T>, call: Call): Promise<T>;
  /** Replaces the object. With a `resourceVersion` in its metadata only if it is still in that state. */
  update<T extends KubeObject>(resource: Resource<T>, object: Applied<T>, call: Call): Promise<T>;
  /** Server-side apply: these fields are ours, and those that we applied before and leave out now go away. */
  apply<T extends KubeObject>(resource: Resource<T>, object: Applied<T>, call: ApplyCall): Promise<T>;
  applyStatus<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    status: unknown,
    call: ApplyCall,
  ): Promise<T>;
  patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    operations: readonly PatchOperation[],
    call: Call & { readonly subresource?: string },
  ): Promise<T>;
  /** False when there was nothing to delete. */
  delete(resource: Resource, key: ObjectKey, call: DeleteCall): Promise<boolean>;
  /** Reviews and token requests, which are answered and not stored: like what is read, they are asked again when no answer came. */
  post<T = unknown>(place: Place, body: object, call: Call): Promise<T>;
}

const DEADLINE_MS = 10_000;
const PAGE_DEADLINE_MS = 60_000;
const PAGE_OBJECTS = 500;
/** A page of large objects. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

export interface KubeOptions {
  readonly fieldManager?: string;
  readonly userAgent?: string;
  readonly ping?: PingTiming;
}

/** A connection whose other end is gone is noticed within their sum, in time for the next renewal of a lease. */
const PING: PingTiming = { everyMs: 2_000, withinMs: 3_000 };

export function openKube(config: Access, options: KubeOptions = {}): Kube {
  return new Client(
    openTransport(config, options.userAgent ?? "sallyport", options.ping ?? PING),
    options.fieldManager ?? FIELD_MANAGER,
  );
}

interface Question extends Call {
  readonly changesNothing?: boolean;
}

class Client implements Kube {
  readonly #transport: Transport;
  readonly #fieldManager: string;

  constructor(transport: Transport, fieldManager: string) {
    this.#transport = transport;
    this.#fieldManager = fieldManager;
  }

  async get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, call: Call): Promise<T | undefined> {
    try {
      return (await this.#call({ method: "GET", path: apiPath({ resource, key }) }, call)) as T;
    } catch (error) {
      // An unknown kind is answered by 404 as well, but not with this reason.
      if (error instanceof KubeError && error.reason === "NotFound") return undefined;
      throw error;
    }
  }

  async *pages<T extends KubeObject>(
    resource: Resource<T>,
    call: Call & Selection,
  ): AsyncGenerator<Listed<T>> {
    const kind = { apiVersion: apiVersionOf(resource), kind: resource.kind };
    const path = apiPath({ resource, namespace: call.namespace });
    let next: string | undefined;
    do {
      const { labelSelector, fieldSelector } = call;
      const search = query({ limit: PAGE_OBJECTS, continue: next, labelSelector, fieldSelector });
      const page = await this.#call(
        { method: "GET", path: path + search },
        { deadlineMs: PAGE_DEADLINE_MS, ...call },
      );
      const metadata = isRecord(page) && isRecord(page["metadata"]) ? page["metadata"] : {};
      const items =
        isRecord(page) && Array.isArray(page["items"]) ? (page["items"] as readonly T[]) : undefined;
      if (items === undefined || typeof metadata["resourceVersion"] !== "string")
        throw unreadable("a list without items or version");
      // Lists leave out of each item what all of them share.
      yield {
        items: items.map((item) => ({ ...kind, ...item })),
        resourceVersion: metadata["resourceVersion"],
      };
      next = typeof metadata["continue"] === "string" ? metadata["continue"] : undefined;
    } while (next !== undefined && next !== "");
  }

  async list<T extends KubeObject>(resource: Resource<T>, call: Call & Selection): Promise<Listed<T>> {
    const items: T[] = [];
    let resourceVersion = "";
    for await (const page of this.pages(resource, call)) {
      items.push(...page.items);
      ({ resourceVersion } = page);
    }
    return { items, resourceVersion };
  }

  watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncGenerator<WatchBatch<T>> {
    return readWatch(this.#transport, resource, options);
  }

  create<T extends KubeObject>(resource: Resource<T>, object: Applied<T>, call: Call): Promise<T> {
    const path = apiPath({ resource, namespace: object.metadata.namespace });
    return this.#write("POST", path, whole(resource, object), call);
  }

  update<T extends KubeObject>(resource: Resource<T>, object: Applied<T>, call: Call): Promise<T> {
    return this.#write("PUT", apiPath({ resource, key: keyOf(object) }), whole(resource, object), call);
  }

  apply<T extends KubeObject>(resource: Resource<T>, object: Applied<T>, call: ApplyCall): Promise<T> {
    return this.#apply(apiPath({ resource, key: keyOf(object) }), whole(resource, object), call);
  }

  applyStatus<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    status: unknown,
    call: ApplyCall,
  ): Promise<T> {
    const slash = key.indexOf("/");
    const metadata = { name: key.slice(slash + 1), ...(slash < 0 ? {} : { namespace: key.slice(0, slash) }) };
    const path = apiPath({ resource, key, subresource: "status" });
    return this.#apply(
      path,
      { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata, status },
      call,
    );
  }

  async patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    operations: readonly PatchOperation[],
    call: Call & { readonly subresource?: string },
  ): Promise<T> {
    const path = apiPath({ resource, key, subresource: call.subresource }) + this.#search(call);
    const contentType = "application/json-patch+json";
    return (await this.#call(
      { method: "PATCH", path, contentType, body: JSON.stringify(operations) },
      call,
    )) as T;
  }

  async delete(resource: Resource, key: ObjectKey, call: DeleteCall): Promise<boolean> {
    const { uid, resourceVersion } = call;
    const body = JSON.stringify({
      apiVersion: "v1",
      kind: "DeleteOptions",
      propagationPolicy: "Background",
      preconditions: { uid, resourceVersion },
    });
    const path = apiPath({ resource, key }) + query({ dryRun: call.dryRun === true ? "All" : undefined });
    try {
      await this.#call({ method: "DELETE", path, contentType: "application/json", body }, call);
      return true;
    } catch (error) {
      if (error instanceof KubeError && error.reason === "NotFound") return false;
      throw error;
    }
  }

  post<T = unknown>(place: Place, body: object, call: Call): Promise<T> {
    return this.#write("POST", apiPath(place), whole(place.resource, body), {
      ...call,
      changesNothing: true,
    });
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }

  async #write<T>(method: "POST" | "PUT", path: string, object: object, call: Question): Promise<T> {
    const sent = { method, path: path + this.#search(call), contentType: "application/json" };
    return (await this.#call({ ...sent, body: JSON.stringify(object) }, call)) as T;
  }

  async #apply<T>(path: string, object: object, call: ApplyCall): Promise<T> {
    const search = this.#search(call, { force: call.force === true ? "true" : undefined });
    // JSON is YAML.
    const contentType = "application/apply-patch+yaml";
    const sent: Sent = { method: "PATCH", path: path + search, contentType, body: JSON.stringify(object) };
    return (await this.#call(sent, call)) as T;
  }

  /** A field that the API server does not know is a mistake of ours: it says so instead of dropping it. */
  #search(call: Call, more: Readonly<Record<string, string | undefined>> = {}): string {
    const dryRun = call.dryRun === true ? "All" : undefined;
    return query({ fieldManager: this.#fieldManager, fieldValidation: "Strict", dryRun, ...more });
  }

  async #exchange(sent: Sent, mayRepeat: boolean, signal: AbortSignal): Promise<unknown> {
    try {
      return await read(await this.#transport.send(sent, signal));
    } catch (error) {
      const isAnswered = error instanceof KubeError && error.status !== 0;
      if (signal.aborted || isAnswered || !mayRepeat) throw error;
      // A connection may end just when it is used again. Of a write nobody would know whether it was done.
      return read(await this.#transport.send(sent, signal));
    }
  }

  async #call(sent: Sent, call: Question): Promise<unknown> {
    const deadlineMs = call.deadlineMs ?? DEADLINE_MS;
    const late = AbortSignal.timeout(deadlineMs);
    const signal = AbortSignal.any([call.signal, late]);
    try {
      return await this.#exchange(sent, call.changesNothing ?? sent.method === "GET", signal);
    } catch (error) {
      if (call.signal.aborted) throw call.signal.reason;
      if (late.aborted)
        throw new KubeError({
          status: 0,
          reason: "DeadlineExceeded",
          message: `no answer to ${sent.method} ${pathOnly(sent.path)} within ${deadlineMs} ms`,
        });
      throw unreachable(error, sent);
    }
  }
}

function whole(resource: Resource, object: object): object {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object };
}

async function read({ status, retryAfter, body, isWhole }: Answer): Promise<unknown> {
  const text = await readText(body);
  if (!isWhole()) throw brokenOff();
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    if (status < 300) throw unreadable("an answer that is not JSON", error);
  }
  if (status >= 200 && status < 300) return parsed;
  throw kubeError(status, parsed, retryAfter);
}

async function readText(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > ANSWER_BYTES_MAX) throw unreadable(`an answer of more than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes).toString("utf8");
}

function unreadable(message: string, cause?: unknown): KubeError {
  return new KubeError({ status: 0, reason: "Unreadable", message, cause });
}

function unreachable(error: unknown, sent: Sent): unknown {
  if (error instanceof KubeError || !(error instanceof Error)) return error;
  const message = `${sent.method} ${pathOnly(sent.path)}: ${error.message}`;
  return new KubeError({ status: 0, reason: "Unreachable", message, cause: error });
}

function pathOnly(path: string): string {
  return path.split("?", 1).join("");
}
