import type { TokenSubject } from "#broker/revoking/asked.ts";
import { type Read, readSubject } from "./explaining/subject.ts";
import { command } from "./frame/command.ts";
import { REVOKE_ON_HOST_OPTIONS, revokeOnHost } from "./revoking/host.ts";

export const revokeSubject = command({
  summary: "take everything from a subject of a running gateway, for a while",
  description: [
    "Writes a guardrail that refuses everything to whoever comes with a token of which all of this is true. Their sessions end within a " +
      "second, minted roles are taken back, and every restart keeps it, until it expires or is lifted.",
    "The broker keeps it in its data folder, beside the folder of kinds, and puts on record who did it, why and whom it reached.",
    "In a cluster it is `kubectl sallyport revoke`.",
  ],
  positionals: [
    {
      name: "SUBJECT",
      help: "oidc:PROVIDER,CLAIM=VALUE; a comma inside a value is \\,; without claims every token of it",
    },
  ],
  options: REVOKE_ON_HOST_OPTIONS,
  examples: [
    'sallyport revoke subject oidc:github,repository=acme/orders --for 1h --reason "incident 4711"',
    'sallyport revoke subject oidc:platform,sub=reporter --for 7d --reason "its laptop is lost"',
  ],
  run: async ({ options, positionals: [text = ""] }, io) => {
    const subject = tokenIn(text);
    if (!subject.ok) return { cannotRun: subject.message };
    return revokeOnHost(options, io, { token: subject.value });
  },
});

function tokenIn(text: string): Read<TokenSubject> {
  const subject = readSubject(text);
  if (!subject.ok) return subject;
  const { oidc } = subject.value;
  if (oidc === undefined)
    return {
      ok: false,
      message: `outside a cluster everybody is known by a token: write oidc:PROVIDER,CLAIM=VALUE, not "${text}"`,
    };
  const claims = Object.entries(oidc.claims);
  const twice = claims.find(([, value]) => Array.isArray(value));
  if (twice !== undefined)
    return {
      ok: false,
      message: `the claim ${twice[0]} stands there twice, and a rule can name one value of it`,
    };
  return {
    ok: true,
    value: {
      provider: oidc.provider,
      claims: Object.fromEntries(claims.map(([name, value]) => [name, String(value)])),
    },
  };
}
