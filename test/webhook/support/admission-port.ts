/** The admission port with webhooks of the test, and a client for it. */
import { type Agent, request } from "node:https";
import { Registry } from "prom-client";
import { type AdmissionLimits, ADMISSION_LIMITS } from "#operator/admission/server/limits.ts";
import { admissionMeters } from "#operator/admission/server/meters.ts";
import {
  type AdmissionServer,
  type AdmissionServerOptions,
  serveAdmission,
} from "#operator/admission/server/server.ts";
import type { Verdict } from "#operator/admission/server/verdict.ts";
import type { Webhook, WebhookName } from "#operator/admission/server/webhook.ts";
import { type Certified, makeAuthority, makeCertificate } from "#runtime/certificate/make.ts";
import { openLog } from "#runtime/log.ts";

export const DAY_MS = 24 * 60 * 60_000;
export const authority = makeAuthority("admission port under test", Date.now(), DAY_MS);
export const certificateBy = (by: Certified): Certified =>
  makeCertificate(by, ["127.0.0.1"], Date.now(), DAY_MS);

export const allowed: Verdict = { outcome: "allowed" };
export const answering = (verdict: Verdict): Webhook => ({
  isFor: ({ resource }) => resource === "pods",
  judge: async () => verdict,
});

export interface Port extends AsyncDisposable {
  readonly server: AdmissionServer;
  readonly registry: Registry;
  /** Everything that was logged, as text. */
  logged(): string;
}

export async function openPort(
  webhooks: Partial<Record<WebhookName, Webhook>>,
  options: Partial<Omit<AdmissionServerOptions, "limits">> & {
    readonly limits?: Partial<AdmissionLimits>;
  } = {},
): Promise<Port> {
  const registry = new Registry();
  const lines: string[] = [];
  const other = answering(allowed);
  const server = await serveAdmission({
    listen: { host: "127.0.0.1", port: 0 },
    certificate: certificateBy(authority),
    webhooks: {
      mutatePods: other,
      mutateWorkloads: other,
      validatePods: other,
      validateWorkloads: other,
      validateKinds: other,
      ...webhooks,
    },
    meters: admissionMeters(registry),
    log: openLog({ write: (line) => lines.push(line), nowMs: Date.now, level: "debug" }),
    ...options,
    limits: { ...ADMISSION_LIMITS, ...options.limits },
  });
  return {
    server,
    registry,
    logged: () => lines.join(""),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export interface Asked {
  readonly path?: string;
  readonly method?: string;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  readonly agent?: Agent;
  readonly identity?: Certified;
}

export interface Heard {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

export async function ask({ port }: AdmissionServer, asked: Asked): Promise<Heard> {
  const body = Buffer.from(asked.body ?? "");
  const { promise, resolve, reject } = Promise.withResolvers<Heard>();
  const { identity } = asked;
  const sent = request(
    {
      host: "127.0.0.1",
      port,
      ca: authority.certificatePem,
      path: asked.path ?? "/mutate/pods",
      method: asked.method ?? "POST",
      agent: asked.agent ?? false,
      headers: {
        "content-type": "application/json",
        "content-length": String(body.length),
        ...asked.headers,
      },
      ...(identity === undefined ? {} : { cert: identity.certificatePem, key: identity.keyPem }),
    },
    (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", reject);
      response.once("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          text: Buffer.concat(chunks).toString("utf8"),
          headers: response.headers,
        }),
      );
    },
  );
  sent.once("error", reject);
  sent.end(body);
  return promise;
}

/** As the API server sends it; `request` overrides members. */
export function review(request: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "705ab4f5-6393-11e8-b7cc-42010a800002",
      kind: { group: "", version: "v1", kind: "Pod" },
      resource: { group: "", version: "v1", resource: "pods" },
      name: "agent",
      namespace: "shop",
      operation: "CREATE",
      userInfo: { username: "alice", groups: ["system:authenticated"] },
      object: { apiVersion: "v1", kind: "Pod", metadata: { name: "agent" }, spec: { containers: [] } },
      oldObject: null,
      dryRun: false,
      options: null,
      ...request,
    },
  });
}

export interface ReviewResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly patchType?: string;
  readonly patch?: string;
  readonly warnings?: readonly string[];
  readonly status?: {
    readonly code: number;
    readonly reason: string;
    readonly message: string;
    readonly details?: { readonly causes: readonly { reason: string; field: string; message: string }[] };
  };
}

export function responseIn({ text }: Heard): ReviewResponse {
  return (JSON.parse(text) as { response: ReviewResponse }).response;
}
