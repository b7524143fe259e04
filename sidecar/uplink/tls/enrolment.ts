/** This pod's certificate for the broker port: asked for with the pod's token and key, and again before it is over. */
import { sign } from "node:crypto";
import { request } from "node:https";
import { readFile } from "node:fs/promises";
import {
  ENROL_ANSWER_BYTES_MAX,
  ENROL_PATH,
  type EnrolRequest,
  type Enrolled,
  enrolMessage,
  readEnrolAnswer,
} from "#core/port/enrol.ts";
import { type Refusal, isRefusal } from "#core/values/refusal.ts";
import { NotWelcome } from "../carrier.ts";
import { type PodKey, podKey } from "./pod-key.ts";

export interface EnrolmentOptions {
  /** The name that the broker's certificate has to be for. */
  readonly serverName: string;
  readonly port: number;
  /** Of the pod's token, which the kubelet replaces. */
  readonly tokenPath: string;
  /** Of whom the broker's certificate has to be by; replaced too. */
  readonly authorityPath: string;
  readonly stateDirectory: string;
  readonly nowMs: () => number;
}

export interface Credential {
  readonly certificatePem: string;
  readonly keyPem: string;
  /** When the next one should be asked for. */
  readonly renewAtMs: number;
}

export interface Enrolment {
  /** The certificate there is, or a new one by the first of these addresses that gives one. */
  credential(addresses: readonly string[], signal: AbortSignal): Promise<Credential>;
  /** The broker would not have it. */
  forget(): void;
  /** PEM, as it lies there now. */
  authority(): Promise<string>;
}

/** A certificate, and the connection that was opened with it, is replaced after this part of its life. */
const RENEW_AT = 0.6;
const ANSWER_MS_MAX = 15_000;

export class NotEnrolled extends NotWelcome {
  override readonly name = "NotEnrolled";

  constructor(why: Refusal) {
    super(why, `the broker does not enrol this pod: ${why.code}: ${why.publicText}`);
  }
}

export function openEnrolment(options: EnrolmentOptions): Enrolment {
  const { tokenPath, authorityPath, stateDirectory, nowMs } = options;
  let current: Credential | undefined;
  const authority = (): Promise<string> => readFile(authorityPath, "utf8");

  async function anew(addresses: readonly string[], signal: AbortSignal): Promise<Credential> {
    const key = await podKey(stateDirectory);
    const [token, ca] = [(await readFile(tokenPath, "latin1")).trim(), await authority()];
    const asked = requestOf(token, key);
    const startMs = nowMs();
    const enrolled = await fromFirst(addresses, (host) => ask(asked, { ...options, host, ca }, signal));
    return credentialOf(enrolled, key, startMs);
  }

  return {
    async credential(addresses, signal) {
      if (current === undefined || nowMs() >= current.renewAtMs) current = await anew(addresses, signal);
      return current;
    },
    forget() {
      current = undefined;
    },
    authority,
  };
}

function requestOf(token: string, { privateKey, publicKey }: PodKey): EnrolRequest {
  return {
    token,
    publicKey: publicKey.export({ type: "spki", format: "der" }).toString("base64url"),
    proof: sign("sha256", enrolMessage(token), privateKey).toString("base64url"),
  };
}

function credentialOf(
  { certificate, expiresMs }: Enrolled,
  { privateKey }: PodKey,
  startMs: number,
): Credential {
  return {
    certificatePem: certificate,
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    renewAtMs: startMs + Math.max(0, expiresMs - startMs) * RENEW_AT,
  };
}

/** A refusal is the broker's word, whichever replica says it; whatever else goes wrong may go right at the next one. */
async function fromFirst(
  addresses: readonly string[],
  ask: (host: string) => Promise<Enrolled>,
): Promise<Enrolled> {
  const failures: unknown[] = [];
  for (const host of addresses) {
    try {
      return await ask(host);
    } catch (error) {
      if (error instanceof NotEnrolled) throw error;
      failures.push(error);
    }
  }
  throw failures[0] instanceof Error ? failures[0] : new Error("there is no address to enrol at");
}

interface Place {
  readonly host: string;
  readonly port: number;
  readonly serverName: string;
  readonly ca: string;
}

async function ask(asked: EnrolRequest, place: Place, signal: AbortSignal): Promise<Enrolled> {
  const body = Buffer.from(JSON.stringify(asked), "latin1");
  try {
    const { status, text } = await post(body, place, signal);
    // What is not one of ours has come from something else in the way.
    if (status !== 200 && status !== 403 && status !== 503)
      throw new Error(`the broker answers an enrolment with ${status}`);
    const answer = readEnrolAnswer(JSON.parse(text));
    if (isRefusal(answer)) throw new NotEnrolled(answer);
    return answer;
  } finally {
    body.fill(0);
  }
}

function post(
  body: Buffer,
  { host, port, serverName, ca }: Place,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const asking = request(
    {
      host,
      port,
      servername: serverName,
      ca,
      minVersion: "TLSv1.3",
      agent: false,
      method: "POST",
      path: ENROL_PATH,
      headers: { "content-type": "application/json", "content-length": body.length, connection: "close" },
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]),
    },
    (response) => {
      const pieces: Buffer[] = [];
      let lengthBytes = 0;
      response.on("data", (piece: Buffer) => {
        lengthBytes += piece.length;
        if (lengthBytes > ENROL_ANSWER_BYTES_MAX)
          asking.destroy(new Error("the broker's answer is too long"));
        else pieces.push(piece);
      });
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(pieces).toString("utf8") }),
      );
    },
  );
  asking.on("error", reject);
  asking.end(body);
  return promise;
}
