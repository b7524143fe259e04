import assert from "node:assert/strict";
import { test } from "node:test";
import {
  clientFirst,
  isServerSignature,
  parseServerFinal,
  parseServerFirst,
  SCRAM_ITERATIONS_MAX,
  scramProof,
  scramVerifier,
} from "#core/wire/postgres/scram.ts";
import { preparedPassword } from "#core/wire/postgres/saslprep.ts";

const CHALLENGE = {
  clientFirstBare: "n=user,r=rOprNGfwEbeRWgbNEkqO",
  serverFirst: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
  channelBinding: Buffer.from("n,,"),
};

test("the exchange of RFC 7677 gives its proof and its signature", () => {
  const proof = scramProof(CHALLENGE, Buffer.from("pencil"));
  assert.ok(proof);
  assert.equal(
    proof.clientFinal,
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
  );
  const signature = parseServerFinal("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  assert.ok(signature && isServerSignature(signature, proof.serverSignature));
});

test("another password proves something else", () => {
  const proof = scramProof(CHALLENGE, Buffer.from("pencils"));
  assert.doesNotMatch(proof?.clientFinal ?? "", /dHzbZapWIk4jUhN/);
});

test("a verifier has the form that PostgreSQL stores", () => {
  // From RFC 7677's example: StoredKey and ServerKey of `pencil`.
  assert.equal(
    scramVerifier(Buffer.from("pencil"), Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"), 4096),
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
  );
});

for (const [what, serverFirst] of Object.entries({
  "a nonce that is not ours": "r=abcdefgh,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
  "our nonce without an addition": "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
  "more iterations than anybody needs": `r=rOprNGfwEbeRWgbNEkqO%x,s=W22ZaJ0S,i=${SCRAM_ITERATIONS_MAX + 1}`,
  "no iterations": "r=rOprNGfwEbeRWgbNEkqO%x,s=W22ZaJ0S,i=0",
  "a mandatory extension": "m=x,r=rOprNGfwEbeRWgbNEkqO%x,s=W22ZaJ0S,i=4096",
  "a salt that is not base64": "r=rOprNGfwEbeRWgbNEkqO%x,s=W22Z*,i=4096",
  "an empty message": "",
}))
  test(`a server that sends ${what} is not answered`, () => {
    assert.equal(parseServerFirst(serverFirst, CHALLENGE.clientFirstBare), undefined);
    assert.equal(scramProof({ ...CHALLENGE, serverFirst }, Buffer.from("pencil")), undefined);
  });

test("channel binding is in the first message and in what is proved", () => {
  const hash = Buffer.alloc(32, 7);
  const nonce = Buffer.alloc(18, 1);
  const bound = clientFirst(nonce, { kind: "tls-server-end-point", certificateHash: hash });
  assert.match(bound.message, /^p=tls-server-end-point,,n=,r=/);
  assert.deepEqual(bound.channelBinding, Buffer.concat([Buffer.from("p=tls-server-end-point,,"), hash]));
  assert.match(clientFirst(nonce, { kind: "notOffered" }).message, /^y,,n=,r=/);
  assert.match(clientFirst(nonce, { kind: "unsupported" }).message, /^n,,n=,r=/);
});

test("a server's error is no signature", () => {
  assert.equal(parseServerFinal("e=invalid-proof"), undefined);
  assert.equal(isServerSignature(new Uint8Array(), new Uint8Array()), false);
});

const prepared = (text: string): string => Buffer.from(preparedPassword(Buffer.from(text))).toString("utf8");

test("passwords are prepared as RFC 4013 says", () => {
  // Its examples, §3.
  assert.equal(prepared("I\u00adX"), "IX");
  assert.equal(prepared("user"), "user");
  assert.equal(prepared("\u00aa"), "a");
  assert.equal(prepared("\u2168"), "IX");
  // Composed and decomposed are one password; other spaces are spaces.
  assert.equal(prepared("cafe\u0301"), "caf\u00e9");
  assert.equal(prepared("a\u00a0b"), "a b");
  assert.equal(prepared("\u1112\u1161\u11ab"), "\ud55c");
});

test("what may not be prepared is used as it is", () => {
  for (const bytes of [
    Buffer.from("\u0627\u0031"),
    Buffer.from("p\u0007\u00e9"),
    Buffer.from([0xff, 0xfe]),
    Buffer.from([0xc0, 0x80]),
    Buffer.from([0xed, 0xa0, 0x80]),
    Buffer.from("\u00ad"),
  ])
    assert.equal(preparedPassword(bytes), bytes);
});
