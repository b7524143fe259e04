import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate, createPrivateKey } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connect, createServer } from "node:tls";
import { makeAuthority, makeCertificate } from "#runtime/certificate/make.ts";

const DAY_MS = 24 * 60 * 60_000;
const NAMES = ["localhost", "127.0.0.1", "::1", "fe80::1:2", "orders.example.com"];

test("OpenSSL takes them by its strict rules, for the names they are for and for no other", () => {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-certificate-"));
  try {
    const authority = makeAuthority("Sallyport on testhost", Date.now(), 100 * DAY_MS);
    const certificate = makeCertificate(authority, NAMES, Date.now(), 30 * DAY_MS);
    writeFileSync(join(folder, "ca.pem"), authority.certificatePem);
    writeFileSync(join(folder, "leaf.pem"), certificate.certificatePem);
    const verify = (...words: readonly string[]): string =>
      execFileSync(
        "openssl",
        ["verify", "-x509_strict", "-CAfile", "ca.pem", "-purpose", "sslserver", ...words, "leaf.pem"],
        {
          cwd: folder,
          encoding: "utf8",
          stdio: ["ignore", "pipe", "pipe"],
        },
      );
    assert.match(verify("-verify_hostname", "orders.example.com"), /OK/);
    for (const address of ["127.0.0.1", "::1", "fe80::1:2"])
      assert.match(verify("-verify_ip", address), /OK/);
    assert.throws(() => verify("-verify_hostname", "other.example.com"));
    assert.throws(() => verify("-verify_ip", "127.0.0.2"));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a client that trusts the authority verifies the server; one that does not refuses", async () => {
  const authority = makeAuthority("Sallyport on testhost", Date.now(), 100 * DAY_MS);
  const { certificatePem: cert, keyPem: key } = makeCertificate(authority, ["localhost"], Date.now(), DAY_MS);
  const server = createServer({ cert, key }, (socket) => socket.end()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const reach = async (ca: string): Promise<void> => {
    const socket = connect({ port, host: "127.0.0.1", servername: "localhost", ca });
    await once(socket, "secureConnect");
    socket.destroy();
  };
  await reach(authority.certificatePem);
  const other = makeAuthority("Sallyport on testhost", Date.now(), DAY_MS);
  await assert.rejects(reach(other.certificatePem));
  server.close();
});

test("keys fit, serial numbers differ, and no certificate outlives its authority", () => {
  const nowMs = Date.UTC(2026, 10, 26);
  const authority = makeAuthority("Sallyport", nowMs, 10 * DAY_MS);
  const [one, two] = [1, 2].map(() => makeCertificate(authority, ["localhost"], nowMs, 3_650 * DAY_MS));
  assert.ok(one !== undefined && two !== undefined);
  const [first, second] = [new X509Certificate(one.certificatePem), new X509Certificate(two.certificatePem)];
  assert.ok(first.checkPrivateKey(createPrivateKey(one.keyPem)));
  assert.ok(!first.checkPrivateKey(createPrivateKey(two.keyPem)));
  assert.notEqual(first.serialNumber, second.serialNumber);
  assert.equal(first.validToDate.getTime(), nowMs + 10 * DAY_MS);
  assert.ok(first.verify(new X509Certificate(authority.certificatePem).publicKey));
  assert.equal(first.ca, false);
  assert.equal(new X509Certificate(authority.certificatePem).ca, true);
});
