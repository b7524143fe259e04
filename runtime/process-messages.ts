/**
 * What a supervisor and its processes say to each other, over the channel that Node opens between them: JSON of a declared
 * shape, bytes as base64. Read as strictly as anything from outside, because a process may have been taken over.
 */
import { objectAt, PortViolation, type Shape } from "#core/port/shapes.ts";

export type Packed = { readonly body: unknown; readonly parts: string[] };

const PARTS_MAX = 256;

export function pack<Message>(shape: Shape<Message>, message: Message): Packed {
  const parts: Uint8Array[] = [];
  const body = shape.write(message, parts);
  return { body, parts: parts.map((part) => Buffer.from(part).toString("base64")) };
}

/** Throws a PortViolation, which never quotes what it met. */
export function unpack<Message>(shape: Shape<Message>, packed: unknown): Message {
  const { body, parts } = objectAt(packed, "message");
  if (!Array.isArray(parts) || parts.length > PARTS_MAX || !parts.every((part) => typeof part === "string"))
    throw new PortViolation("message.parts", "a list of base64 texts");
  let taken = 0;
  const message = shape.read(
    body,
    {
      next: (place) => {
        const part: string | undefined = parts[taken];
        if (part === undefined) throw new PortViolation(place, "bytes");
        taken += 1;
        return Buffer.from(part, "base64");
      },
    },
    "message",
  );
  if (taken !== parts.length) throw new PortViolation("message.parts", "no bytes that nothing refers to");
  return message;
}
