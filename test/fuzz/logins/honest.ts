/** Which cases nobody has a reason to refuse. */
import { type ClientSay, type LoginsCase, SAFE, USER } from "./case.ts";

export const isHonest = (each: LoginsCase): boolean => isHonestUpstream(each) && isHonestClient(each);

const EXTRA_MAX = 190;
const NOTICES_BYTES_MAX = 64 * 1024;

function isHonestUpstream({ connection, upstream }: LoginsCase): boolean {
  const { asks, notices, noticeBytes, parameters, lies } = upstream;
  if (lies.length > 0 || notices > EXTRA_MAX || parameters > EXTRA_MAX) return false;
  if (notices * noticeBytes > NOTICES_BYTES_MAX) return false;
  if (asks === "scram") return true;
  return asks !== "trust" && connection.weak.includes(asks) && (asks === "md5" || connection.tls);
}

const IN_CLEAR = /^(?:gss )?startup query terminate$/;
/** A listener without TLS says so, and the client goes on in the clear. */
const MAYBE_IN_TLS = /^(?:gss )?ssl startup query terminate$/;
const BEGUN_IN_TLS = /^direct startup query terminate$/;
const WITH_TOKEN = /^(?:(?:gss )?ssl|direct) startup password query terminate$/;

function isHonestClient({ listener, client }: LoginsCase): boolean {
  if (client.some(({ eager, edits }) => eager || edits > 0)) return false;
  const says = client.map(({ say }) => say).join(" ");
  const [startup] = client.filter((each) => each.say === "startup");
  if (startup === undefined || !isSafe(startup)) return false;
  if (!listener.perClient)
    return IN_CLEAR.test(says) || MAYBE_IN_TLS.test(says) || (listener.tls && BEGUN_IN_TLS.test(says));
  const [password] = client.filter((each) => each.say === "password");
  return listener.tls && WITH_TOKEN.test(says) && password?.of === "token";
}

function isSafe({ version, pairs }: Extract<ClientSay, { readonly say: "startup" }>): boolean {
  const names = new Set(pairs.map(({ name }) => name));
  if (version >>> 16 !== 3 || names.size !== pairs.length || !names.has("user")) return false;
  return pairs.every(({ name, value }) =>
    name === "user" ? value === USER : SAFE.some((safe) => safe.name === name && safe.value === value),
  );
}
