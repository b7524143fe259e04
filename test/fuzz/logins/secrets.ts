/** What nobody but the broker and the upstream, or the broker and the client, may get to know. */
export const PASSWORD = "canary-of-the-upstream";
export const LEASED_USER = "minted_7f3a";
export const TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl";
export const OTHER_TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJvdGhlciJ9.c2lnbmF0dXJl";

export const SALT: Buffer = Buffer.from("a salt of sixteen");
export const ITERATIONS = 4096;
