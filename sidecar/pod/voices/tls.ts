/** TLS: an alert is all that can be said to a client before a handshake (RFC 8446, section 6.2). */
import type { Voice } from "./voice.ts";

const HANDSHAKE = 0x16;
const MAJOR_VERSION = 0x03;
const CLIENT_HELLO = 0x01;
const HELLO_AT = 5;
/** A record of two bytes: fatal, access_denied. */
const ACCESS_DENIED = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 49]);

export const tls: Voice = {
  recognises(bytes) {
    const [type, major] = bytes;
    if ((type ?? HANDSHAKE) !== HANDSHAKE || (major ?? MAJOR_VERSION) !== MAJOR_VERSION) return false;
    return bytes.length <= HELLO_AT ? undefined : bytes[HELLO_AT] === CLIENT_HELLO;
  },
  refuse: () => ({ kind: "last", bytes: ACCESS_DENIED }),
};
