/** What somebody who keeps a pod can do about what its gateway refused. */
import type { RefusalCode } from "#core/values/refusal.ts";

interface About {
  readonly namespace: string;
  readonly pod: string;
  readonly account: string;
  /** What was refused: a Connection, or where a client wanted to go. */
  readonly about: string;
}

type Next = (about: About) => string;

const describe: Next = ({ namespace }) =>
  `See what it lacks: kubectl -n ${namespace} get connections,secretaccesspolicies`;
const upstream: Next = ({ namespace }) =>
  `See the Connection's address and tls, and whether the server answers: kubectl -n ${namespace} describe connections`;
const credential: Next = ({ namespace }) =>
  `See its condition CredentialAvailable: kubectl -n ${namespace} describe connections`;
const why: Next = ({ namespace, account, about }) => {
  const connection = /^connection (\S+)$/.exec(about)?.[1] ?? `${namespace}/NAME`;
  return `kubectl sallyport explain --statement '…' --subject serviceaccount:${namespace}/${account} --connection ${connection}`;
};

const NEXT: Partial<Record<RefusalCode, Next>> = {
  DESTINATION_UNKNOWN: ({ namespace, about }) =>
    `A Connection in ${namespace} whose address or reachedAs is ${about}, and a policy that gives it to this pod; a name that merely looks so is not it.`,
  DESTINATION_AMBIGUOUS: ({ namespace, about }) =>
    `Leave ${about} to one Connection: kubectl -n ${namespace} get connections -o yaml`,
  DENY_NO_POLICY: why,
  DENY_NO_RULE: why,
  DENY_RULE: why,
  DENY_NOT_DELEGATED: why,
  DENY_POLICY_INVALID: describe,
  DENY_UNKNOWN_CONNECTION: describe,
  CREDENTIAL_UNAVAILABLE: credential,
  CREDENTIAL_REFUSED: credential,
  UPSTREAM_UNREACHABLE: upstream,
  UPSTREAM_UNTRUSTED: upstream,
  CLIENT_TLS_REQUIRED: () => "Have the client use TLS.",
};

export function nextOf(code: RefusalCode, about: About): string | undefined {
  return NEXT[code]?.(about);
}
