import { SecretBytes } from "#core/values/secret.ts";
import { isFetchable } from "../http.ts";
import { readObject } from "../json.ts";
import { type OriginDeps, NoToken, type TokenOrigin } from "./origin.ts";

const ANSWER_BYTES_MAX = 64 * 1024;
const TIMEOUT_MS = 10_000;

export interface GithubSettings {
  readonly audience: string;
  /** Default: ACTIONS_ID_TOKEN_REQUEST_URL. */
  readonly urlVariable?: string;
  /** Default: ACTIONS_ID_TOKEN_REQUEST_TOKEN. */
  readonly tokenVariable?: string;
}

/** GitHub Actions gives a job no token but an address, and a bearer that fetches tokens of a few minutes from it. */
export function githubOrigin(settings: GithubSettings, { environment, get }: OriginDeps): TokenOrigin {
  const { urlVariable = "ACTIONS_ID_TOKEN_REQUEST_URL", tokenVariable = "ACTIONS_ID_TOKEN_REQUEST_TOKEN" } =
    settings;
  return {
    isWorthKeeping: true,
    async fetch() {
      using address = environment.take(urlVariable);
      using bearer = environment.take(tokenVariable);
      if (address === undefined || bearer === undefined) {
        throw new NoToken(
          `${address === undefined ? urlVariable : tokenVariable} is not set: the job needs \`permissions: id-token: write\``,
        );
      }
      const url = URL.parse(textOf(address));
      if (url === null || !isFetchable(url)) throw new NoToken(`${urlVariable} holds no https address`);
      url.searchParams.set("audience", settings.audience);
      const body = await get({
        url,
        headers: { authorization: `Bearer ${textOf(bearer)}` },
        bodyBytesMax: ANSWER_BYTES_MAX,
        timeoutMs: TIMEOUT_MS,
      });
      return tokenOf(body, urlVariable);
    },
  };
}

/** Node's HTTP takes headers as strings only. */
function textOf(secret: SecretBytes): string {
  return Buffer.from(secret.reveal()).toString("latin1");
}

function tokenOf(body: Uint8Array, from: string): SecretBytes {
  const answer = readObject(body);
  body.fill(0);
  const value = typeof answer === "string" ? undefined : answer["value"];
  if (typeof value !== "string" || value === "")
    throw new NoToken(`the address in ${from} answered without a token`);
  return new SecretBytes(Buffer.from(value));
}
