/** Asks the broker of a running gateway, over the socket that stands in its data directory. */
import { request } from "node:http";
import { resolve } from "node:path";
import { dataFolders, defaultDataFolder } from "../gateway/folders.ts";

export const DATA_OPTION = {
  data: { type: "string", value: "DIR", help: "the gateway's --data, where that was given" },
} as const;

export type Asked<Answer> =
  | { readonly ok: true; readonly value: Answer }
  | { readonly ok: false; readonly message: string };

const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const ANSWER_MS_MAX = 10_000;

export function adminPath(data: string | undefined): string {
  return dataFolders(resolve(data ?? defaultDataFolder(process.getuid?.(), process.env))).adminPath;
}

/** `Answer` is the broker's own; both come from one build. */
export async function askBroker<Answer>(
  socketPath: string,
  [method, path]: readonly ["GET" | "POST", string],
  body?: object,
): Promise<Asked<Answer>> {
  const { promise, resolve: settle } = Promise.withResolvers<Asked<Answer>>();
  const failed = (error: NodeJS.ErrnoException): void =>
    settle({ ok: false, message: wordsFor(error, socketPath) });
  const asking = request({ socketPath, method, path, timeout: ANSWER_MS_MAX }, (response) => {
    const pieces: Buffer[] = [];
    let lengthBytes = 0;
    response.on("data", (piece: Buffer) => {
      lengthBytes += piece.length;
      if (lengthBytes > ANSWER_BYTES_MAX) response.destroy(new Error("the broker says too much"));
      pieces.push(piece);
    });
    response.on("error", failed);
    response.on("end", () => {
      const text = Buffer.concat(pieces).toString("utf8");
      if (response.statusCode === 200) return settle({ ok: true, value: JSON.parse(text) as Answer });
      settle({ ok: false, message: problemIn(text) ?? `the broker answered with ${response.statusCode}` });
    });
  });
  asking.on("timeout", () => asking.destroy(new Error("the broker does not answer")));
  asking.on("error", failed);
  asking.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}

function problemIn(text: string): string | undefined {
  try {
    const { problem } = JSON.parse(text) as { readonly problem?: unknown };
    return typeof problem === "string" ? problem : undefined;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

function wordsFor({ code, message }: NodeJS.ErrnoException, path: string): string {
  switch (code) {
    case "ENOENT":
    case "ECONNREFUSED":
      return `no gateway runs with ${path}; where it was started with --data DIR, give the same here`;
    case "EACCES":
      return `${path} is for the gateway's own user and for root`;
    default:
      return `the broker cannot be asked: ${message}`;
  }
}
