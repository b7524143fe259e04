/**
 * The least that TLS is wherever an agent, its upstream or a database of the broker's is at the other end: version 1.2, keys
 * that are agreed anew for each connection, and a cipher that also tells whether anybody has touched what it carries. Bearer
 * tokens and passwords cross these connections, and what was written down of one must stay closed when a key is stolen later.
 */
export const TLS_FLOOR = {
  minVersion: "TLSv1.2",
  ciphers: [
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256",
    "ECDHE+AESGCM",
    "ECDHE+CHACHA20",
    "DHE+AESGCM",
    "DHE+CHACHA20",
    "!aNULL",
  ].join(":"),
} as const;
