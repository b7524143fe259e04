/** What the broker has to say to one data plane, within bounds: a peer that does not read is let go. */
import type { Socket } from "node:net";
import { type Frame, encodeFrame } from "#core/port/frame.ts";

/** Beyond a whole plan and the answers of a full connection. */
const UNREAD_BYTES_MAX = 32 * 1024 * 1024;
const UNREAD_MS_MAX = 30_000;

export interface Outbox {
  /** `secret`: the frame's bytes are wiped once the kernel has them. */
  send(frame: Frame, secret?: boolean): void;
  /** Of several that wait for the peer to read, only the newest goes out. */
  sendLatest(make: () => Frame): void;
}

export function openOutbox(socket: Socket, slow: () => void): Outbox {
  let latest: (() => Frame) | undefined;
  let stalled: NodeJS.Timeout | undefined;
  socket.on("drain", () => {
    clearTimeout(stalled);
    stalled = undefined;
    const make = latest;
    latest = undefined;
    if (make !== undefined) write(encodeFrame(make()), false);
  });
  socket.on("close", () => clearTimeout(stalled));

  function write(bytes: Buffer, secret: boolean): void {
    if (socket.destroyed) return;
    const flowing = socket.write(bytes, () => {
      if (secret) bytes.fill(0);
    });
    if (socket.writableLength > UNREAD_BYTES_MAX) return slow();
    if (!flowing) stalled ??= setTimeout(slow, UNREAD_MS_MAX);
  }

  return {
    send: (frame, secret = false) => write(encodeFrame(frame), secret),
    sendLatest: (make) => {
      if (socket.writableNeedDrain) latest = make;
      else write(encodeFrame(make()), false);
    },
  };
}
