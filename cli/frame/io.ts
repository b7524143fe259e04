/** Everything a command may touch of the outside, so that a test can hand it something else. */
import { colourWanted } from "./paint.ts";

interface Screen {
  readonly write: (text: string) => void;
  readonly colour: boolean;
}

export interface Io {
  readonly out: Screen;
  readonly err: Screen;
  /** Standard input as text; a refusal in words when it is longer than `bytesMax` or not UTF-8. */
  readonly readInput: (bytesMax: number) => Promise<InputText>;
  readonly nowMs: () => number;
}

export type InputText =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly message: string };

export function processIo(): Io {
  return {
    out: screenOf(process.stdout),
    err: screenOf(process.stderr),
    readInput: (bytesMax) => readAll(process.stdin, bytesMax),
    nowMs: () => Date.now(),
  };
}

export async function readAll(stream: AsyncIterable<Buffer>, bytesMax: number): Promise<InputText> {
  const chunks: Buffer[] = [];
  let lengthBytes = 0;
  for await (const chunk of stream) {
    lengthBytes += chunk.length;
    if (lengthBytes > bytesMax) {
      return { ok: false, message: `standard input is longer than ${bytesMax} bytes` };
    }
    chunks.push(chunk);
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
    return { ok: true, text };
  } catch {
    return { ok: false, message: "standard input is not UTF-8 text" };
  }
}

function screenOf(stream: NodeJS.WriteStream): Screen {
  let readerGone = false;
  // `sallyport … | head` closes the pipe early. That is no failure: the rest goes nowhere, the exit code stays true.
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    readerGone = true;
  });
  return {
    write: (text) => {
      if (!readerGone) stream.write(text);
    },
    colour: colourWanted(stream.isTTY === true, process.env),
  };
}
