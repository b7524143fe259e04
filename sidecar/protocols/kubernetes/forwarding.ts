/** What of a request goes on to the API server, and what of its answer comes back. Pure. */
import type { Impersonation, KubernetesRequest } from "#core/policy/protocols/kubernetes/acts.ts";
import { readImpersonation } from "#core/policy/protocols/kubernetes/read-request.ts";
import {
  type Field,
  type Fields,
  forwarded,
  isNamed,
  membersOf,
  valueOf,
  valuesOf,
} from "#core/wire/http/fields.ts";
import type { Framing } from "#core/wire/http/framing.ts";
import type { RequestHead, ResponseHead } from "#core/wire/http/head.ts";
import { requestHead, responseHead } from "#core/wire/http/write.ts";

/** Who asks the gateway says, in fields of its own; these say it, or are believed by an API server that trusts a proxy. */
const CREDENTIALS = /^(?:authorization|cookie|impersonate-.*|x-remote-.*)$/i;
const IMPERSONATION = /^impersonate-/i;
/** Written anew by us, or settled with the client. */
const OURS = /^(?:host|user-agent|expect|content-length|sec-websocket-(?:protocol|extensions))$/i;
/** Over WebSocket a browser cannot send `Authorization`, so the API server takes a bearer here too. */
const BEARER_PROTOCOL = /^base64url\.bearer\.authorization\.k8s\.io\./i;

export function impersonationIn({ fields }: RequestHead): Impersonation | undefined {
  if (!fields.some(([name]) => IMPERSONATION.test(name))) return undefined;
  return readImpersonation(valuesOf(fields, "impersonate-user"));
}

export interface Forwarding {
  /** `host:port` of the upstream. */
  readonly authority: string;
  /** For the API server's own records, beside the client's name. */
  readonly mark: string;
  /** The protocol that takes over, where a rule has opened that. */
  readonly upgrade: Upgrade | undefined;
}

export function forwardedRequest(head: RequestHead, { authority, mark, upgrade }: Forwarding): Buffer {
  const agent = valueOf(head.fields, "user-agent");
  const fields: Field[] = [
    ["Host", authority],
    ["User-Agent", agent === undefined ? mark : `${agent} (${mark})`],
    ...forwarded(head.fields).filter(([name]) => !CREDENTIALS.test(name) && !OURS.test(name)),
    ...webSocketProtocols(head),
    ...framingFields(head.framing),
    ...(upgrade === undefined ? [] : upgradeFields(upgrade)),
  ];
  return requestHead(head.method, head.target, fields);
}

function webSocketProtocols({ fields }: RequestHead): readonly Field[] {
  const offered = valuesOf(fields, "sec-websocket-protocol")
    .flatMap((value) => value.split(","))
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== "" && !BEARER_PROTOCOL.test(protocol));
  return offered.length === 0 ? [] : [["Sec-WebSocket-Protocol", offered.join(", ")]];
}

export function forwardedResponse(head: ResponseHead, isLast: boolean): Buffer {
  const { status, reason, framing } = head;
  const hasNoBody = status < 200 || status === 204;
  const fields = forwarded(head.fields).filter(([name]) => !(hasNoBody && isNamed(name, "content-length")));
  const closes = isLast || framing.kind === "untilClose";
  return responseHead(status, reason, [
    ...fields,
    ...(framing.kind === "chunked" ? framingFields(framing) : []),
    ...(closes ? ([["Connection", "close"]] as const) : []),
  ]);
}

export function forwardedUpgrade({ status, reason, fields }: ResponseHead, upgrade: Upgrade): Buffer {
  return responseHead(status, reason, [...forwarded(fields), ...upgradeFields(upgrade)]);
}

function framingFields(framing: Framing): Fields {
  if (framing.kind === "chunked") return [["Transfer-Encoding", "chunked"]];
  return framing.kind === "length" ? [["Content-Length", String(framing.bytes)]] : [];
}

function upgradeFields(upgrade: Upgrade): Fields {
  return [
    ["Connection", "Upgrade"],
    ["Upgrade", upgrade],
  ];
}

/** What exec, attach and port-forward are carried in. */
export type Upgrade = "websocket" | "SPDY/3.1";

export type AskedUpgrade = Upgrade | "none" | "other";

export function upgradeOf({ fields }: RequestHead | ResponseHead): AskedUpgrade {
  const isNamedByConnection = membersOf(fields, "connection").includes("upgrade");
  const protocols = membersOf(fields, "upgrade");
  const [protocol] = protocols;
  if (!isNamedByConnection && protocol === undefined) return "none";
  if (!isNamedByConnection || protocols.length !== 1) return "other";
  if (protocol === "websocket") return "websocket";
  return protocol === "spdy/3.1" ? "SPDY/3.1" : "other";
}

const STREAMS: ReadonlySet<string | undefined> = new Set(["exec", "attach", "portforward"]);

/** Whether the request may take over the connection, once it is permitted. */
export function opensStream({ acts }: KubernetesRequest): boolean {
  const [act, ...others] = acts;
  return (
    others.length === 0 &&
    act?.kind === "resource" &&
    act.group === "" &&
    act.resource === "pods" &&
    STREAMS.has(act.subresource)
  );
}
