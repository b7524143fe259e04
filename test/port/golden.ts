/** Transcripts of version 1: the bytes of every frame, as a running data plane of that version sends and takes them. */
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { type Frame, encodeFrame } from "#core/port/frame.ts";
import {
  answerFrame,
  callFrame,
  cancelFrame,
  faultFrame,
  pushFrame,
  subscribeFrame,
  tellFrame,
} from "#core/port/messages.ts";
import type { CallOperation, RequestOf, TellOperation } from "#core/port/operations.ts";
import { callSamples, pushSamples, tellSamples } from "./samples.ts";

const GOLDEN = new URL("./golden/v1/", import.meta.url);
/** The greeting has id 0, what is asked behind it 1. */
export const CALL_ID = 1;

/** What this build makes of the samples; the committed files must be the same, byte for byte. */
export function framesOfThisBuild(): Map<string, Buffer> {
  const frames = new Map<string, Frame>([
    ["subscribe", subscribeFrame],
    ["cancel", cancelFrame(CALL_ID)],
    ["fault", faultFrame(CALL_ID)],
  ]);
  const samples = callSamples();
  for (const operation of Object.keys(samples) as CallOperation[]) {
    const id = operation === "hello" ? 0 : CALL_ID;
    frames.set(`${operation}.request`, callFrame(id, operation, samples[operation].request));
    for (const [which, request] of otherRequestsOf(operation))
      frames.set(`${operation}.request-${which}`, callFrame(id, operation, request));
    for (const [index, answer] of samples[operation].answers.entries())
      frames.set(`${operation}.answer-${index}`, answerFrame(id, operation, answer));
  }
  for (const operation of Object.keys(tellSamples) as TellOperation[])
    frames.set(operation, tellFrame(operation, tellSamples[operation]));
  for (const [index, push] of pushSamples.entries()) frames.set(`push-${index}`, pushFrame(push));
  return new Map([...frames].map(([name, frame]) => [name, encodeFrame(frame)]));
}

export function otherRequestsOf<O extends CallOperation>(operation: O): readonly [string, RequestOf<O>][] {
  return Object.entries(callSamples()[operation].otherRequests ?? {}) as [string, RequestOf<O>][];
}

export function golden(name: string): Buffer {
  return unhex(readFileSync(new URL(`${name}.hex`, GOLDEN), "utf8"));
}

export function goldenNames(): string[] {
  return readdirSync(GOLDEN).map((file) => file.replace(/\.hex$/, ""));
}

/** Sixteen bytes a line and their text, so that a review can read them. */
function hex(bytes: Buffer): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const digits = row.toString("hex").replace(/../g, "$& ").padEnd(48);
    lines.push(`${digits} ${row.toString("latin1").replace(/[^\x20-\x7e]/g, ".")}`);
  }
  return `${lines.join("\n")}\n`;
}

function unhex(text: string): Buffer {
  return Buffer.concat(
    text.split("\n").map((line) => Buffer.from(line.slice(0, 48).replaceAll(" ", ""), "hex")),
  );
}

// `node test/port/golden.ts`, for a new version only: what has been released is never written again.
if (import.meta.main)
  for (const [name, bytes] of framesOfThisBuild()) writeFileSync(new URL(`${name}.hex`, GOLDEN), hex(bytes));
