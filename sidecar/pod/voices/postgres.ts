/** PostgreSQL: the client is led on to where it says what it wants, since before that it can be told nothing. */
import { readStartup } from "#core/wire/postgres/startup.ts";
import { refusalFatal } from "../../protocols/postgres/refusals.ts";
import type { Step, Voice } from "./voice.ts";

/** The length, and the code behind it that no other protocol begins with. */
const MARK_BYTES = 8;
/** Protocol 3.x, and the three requests, which are numbered as versions 1234.x. */
const MAJORS: ReadonlySet<number> = new Set([3, 1234]);
const DECLINED = Buffer.from("N");
const ACCEPTED = Buffer.from("S");

export const postgres: Voice = {
  recognises(bytes) {
    if (bytes[0] !== undefined && bytes[0] !== 0) return false;
    return bytes.length < MARK_BYTES ? undefined : MAJORS.has(bytes.readUInt16BE(4));
  },
  refuse(bytes, why, canEncrypt): Step {
    const read = readStartup(bytes);
    if (read.state === "more") return { kind: "more" };
    if (read.state === "broken" || read.packet.kind === "startup")
      return { kind: "last", bytes: refusalFatal(why) };
    // A cancel request gets no answer from any server.
    if (read.packet.kind === "cancel") return { kind: "last", bytes: Buffer.alloc(0) };
    if (read.packet.kind === "ssl" && canEncrypt)
      return { kind: "encrypt", bytes: ACCEPTED, usedBytes: read.usedBytes };
    return { kind: "reply", bytes: DECLINED, usedBytes: read.usedBytes };
  },
};
