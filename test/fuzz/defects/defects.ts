/** A fragment of one source becomes another. */
export interface Planted {
  readonly name: string;
  readonly file: string;
  /** A fragment that stands there once. */
  readonly find: string;
  readonly become: string;
}

/** Defects that a fuzzer has to find, each a small edit of one source: what a tired engineer might write. */
export interface Defect extends Planted {
  readonly what: string;
  /** The fuzzer that has to find it. */
  readonly by: string;
}

const ENGINE = "sidecar/protocols/postgres";

export const DEFECTS: readonly Defect[] = [
  {
    name: "wrong-status",
    what: "a failed transaction is reported as an open one",
    by: "mirror",
    file: `${ENGINE}/answers.ts`,
    find: "core.status = status;",
    become: 'core.status = status; if (status === "E") frame.bytes[frame.start + 5] = 0x54;',
  },
  {
    name: "lost-sync",
    what: "the Sync behind a refusal is not sent on",
    by: "mirror",
    file: `${ENGINE}/frontend.ts`,
    find: 'intake.core.expected.push("sync");',
    become: 'if (intake.skipping) return void (intake.skipping = false); intake.core.expected.push("sync");',
  },
  {
    name: "early-commit",
    what: "what stands before a refused Parse is committed",
    by: "mirror",
    file: `${ENGINE}/requests.ts`,
    find: "core.parts.toUpstream.put(markerParse(name));",
    become:
      'core.parts.toUpstream.put(Buffer.concat([Buffer.from([0x53, 0, 0, 0, 4]), markerParse(name)])); slot.asked = "sync"; slot.own = true; const marker = core.expected.push("parse"); marker.refusal = slot.refusal; slot.refusal = undefined;',
  },
  {
    name: "out-of-order",
    what: "a refusal is told after what follows it",
    by: "mirror",
    file: `${ENGINE}/answers.ts`,
    find: "return toClient.put(refusalError(slot.refusal));",
    become:
      "{ const late = refusalError(slot.refusal); return queueMicrotask(() => { toClient.put(late); toClient.flush(); }); }",
  },
  {
    name: "lost-ready",
    what: "no ReadyForQuery follows a refusal in an aborted transaction",
    by: "mirror",
    file: `${ENGINE}/answers.ts`,
    find: "const { own, passesReady } = slot;",
    become:
      'const { own, passesReady } = slot; if (slot.refusal !== undefined && status === "E") return finish(backend, slot);',
  },
  {
    name: "unmasked-binary",
    what: "values in binary are not masked",
    by: "mirror",
    file: `${ENGINE}/rows.ts`,
    find: "if (action !== undefined) replacements[index]",
    become: "if (action !== undefined && column.format === 0) replacements[index]",
  },
  {
    name: "stale-portal",
    what: "portals outlive their transaction",
    by: "mirror",
    file: `${ENGINE}/answers.ts`,
    find: 'if (status === "I" && isLast) core.names.forgetPortals();',
    become: "",
  },
  {
    name: "early-prepared",
    what: "a statement counts as prepared although its Parse has failed",
    by: "mirror",
    file: `${ENGINE}/core.ts`,
    find: "if (slot.names !== undefined) this.names.undo(slot.names);",
    become: 'if (slot.names !== undefined && slot.asked !== "parse") this.names.undo(slot.names);',
  },
  {
    name: "no-rollback",
    what: "a refused Query leaves its transaction as it was",
    by: "mirror",
    file: `${ENGINE}/requests.ts`,
    find: "function refuseQuery(intake: Intake, why: Refusal, request: number): Slot {",
    become:
      'import { refusalError as told } from "./refusals.ts"; import { readyForQuery as readyAs } from "#core/wire/postgres/messages.ts"; function refuseQuery(intake: Intake, why: Refusal, request: number): Slot { if (intake.core.expected.length === 0 && intake.core.status === "T") { intake.core.parts.toClient.put(told(why)); intake.core.parts.toClient.put(readyAs("T")); return intake.core.parts.toClient.flush() as never; }',
  },
  {
    name: "lost-notice",
    what: "notices in an open transaction are dropped",
    by: "mirror",
    file: `${ENGINE}/answers.ts`,
    find: "function notice(backend: Backend, { bytes, start, end }: Frame): void {",
    become:
      'function notice(backend: Backend, { bytes, start, end }: Frame): void { if (backend.core.status === "T") return;',
  },
  {
    name: "lost-notification",
    what: "notifications are dropped while nothing is asked",
    by: "mirror",
    file: `${ENGINE}/answers.ts`,
    find: "A: (backend, frame) => toClient(backend, frame),",
    become: "A: (backend, frame) => { if (backend.core.expected.length > 0) toClient(backend, frame); },",
  },
  {
    name: "kept-verdict",
    what: "a decision on record serves more than one execution",
    by: "mirror",
    file: `${ENGINE}/executions.ts`,
    find: "statement.unspent = -1;",
    become: "",
  },
  {
    name: "old-policy",
    what: "a portal that has begun goes on under a policy that refuses it",
    by: "mirror",
    file: `${ENGINE}/executions.ts`,
    find: "if (changed !== undefined) return refuseChanged(intake, portal, changed);",
    become: "if (changed !== undefined && !portal.started) return refuseChanged(intake, portal, changed);",
  },
  {
    name: "lost-flush",
    what: "a client's Flush is not sent on",
    by: "mirror",
    file: `${ENGINE}/frontend.ts`,
    find: "case TYPE.flush:\n      return pass(intake, frame);",
    become: "case TYPE.flush:\n      return;",
  },
  {
    name: "believed-pipeline",
    what: "what stands behind a failure is taken for done by the groups after it",
    by: "mirror",
    file: `${ENGINE}/namespace.ts`,
    find: "return latest?.isOpen === true && latest.group !== group;",
    become: "return false;",
  },
  {
    name: "dropped-unnamed",
    what: "a refused Parse of a named statement drops the unnamed one",
    by: "mirror",
    file: `${ENGINE}/requests.ts`,
    find: "core.parts.toUpstream.put(markerParse(name));",
    become: 'core.parts.toUpstream.put(markerParse(""));',
  },
  {
    name: "ended-transaction",
    what: "a refused Query ends its transaction",
    by: "differential",
    file: `${ENGINE}/marker.ts`,
    find: 'message("Q", MARKER, Buffer.of(0));',
    become:
      'message("Q", Buffer.from("rollback; do $$begin raise exception using errcode = \'42601\'; end$$"), Buffer.of(0));',
  },
  {
    name: "unasked-ready",
    what: "an upstream is believed that it is ready when nobody asked",
    by: "tampering",
    file: `${ENGINE}/answers.ts`,
    find: 'return core.breach("it is ready for what nobody asked");',
    become: "return toClient(backend, frame);",
  },
  {
    name: "copy-sync",
    what: "an answer is expected to a Sync that the server reads over",
    by: "mirror",
    file: `${ENGINE}/frontend.ts`,
    find: "case TYPE.sync:\n    case TYPE.flush:\n      return undefined;",
    become: "case TYPE.sync:\n return sync(intake, frame); case TYPE.flush:\n      return undefined;",
  },
  {
    name: "unheard-edit",
    what: "what runs goes on under a policy that refuses it",
    by: "edits",
    file: `${ENGINE}/relay.ts`,
    find: 'if (decision.outcome !== "allow") core.stop(',
    become: 'if (decision.code === "DENY_NO_POLICY") core.stop(',
  },
  {
    name: "late-decision",
    what: "what waited for its decision runs although the policy has changed meanwhile",
    by: "edits",
    file: `${ENGINE}/core.ts`,
    find: "if (generation === this.generation) return undefined;",
    become: "if (generation <= this.generation) return undefined;",
  },
  {
    name: "stale-masks",
    what: "masks that were looked up before an edit are used after it",
    by: "edits",
    file: `${ENGINE}/backend.ts`,
    find: "if (found.masks !== this.core.masks)",
    become: "if (found.masks === undefined)",
  },
  {
    name: "stray-cancel",
    what: "a message is sent on while a cancel is on its way",
    by: "edits",
    file: `${ENGINE}/core.ts`,
    find: "this.cancelling += 1;",
    become: "this.cancelling += 0;",
  },
  {
    name: "half-row",
    what: "a row that has begun is not ended when its statement is stopped",
    by: "edits",
    file: `${ENGINE}/backend.ts`,
    find: 'if (streaming === "pass") toClient.pass(bytes, start, end);',
    become:
      'if (streaming === "pass") void (this.core.expected.head?.stop === undefined && toClient.pass(bytes, start, end));',
  },
  {
    name: "lost-meaning",
    what: "what runs by a name is not known to be what the name stands for",
    by: "edits",
    file: `${ENGINE}/core.ts`,
    find: "statement.epoch === this.epoch) return statement?.request.statements[0];",
    become:
      "statement.epoch === this.epoch) return statement?.request.statements.map((facts) => ({ ...facts, accesses: [] }))[0];",
  },
  {
    name: "held-row",
    what: "a row that was held when policy changed is told as it would have been before",
    by: "edits",
    file: `${ENGINE}/backend.ts`,
    find: "if (!row.hasBegun && (this.#isStopped(slot) || this.#needsMask(slot)))",
    become: "if (row.maskedValues < 0)",
  },
  {
    name: "any-signature",
    what: "an upstream is believed whatever signature it gives",
    by: "logins",
    file: `${ENGINE}/login.ts`,
    find: "if (signature === undefined || !isServerSignature(signature, proof.serverSignature))",
    become: "if (signature === undefined)",
  },
  {
    name: "no-proof",
    what: "an upstream is believed that asks for none",
    by: "logins",
    file: `${ENGINE}/login.ts`,
    find: 'if (connection.spec.credential === "none") return trusted(',
    become: "if (request.kind === AUTHENTICATION.ok) return trusted(",
  },
  {
    name: "given-away",
    what: "the password is given to whoever asks for it in the clear or as MD5",
    by: "logins",
    file: `${ENGINE}/weak-login.ts`,
    find: "if (challenge === undefined || !isListed(challenge.kind, target)) return givenAway();",
    become: "if (challenge === undefined) return givenAway();",
  },
  {
    name: "own-words",
    what: "why the upstream turns the gateway away is told in its own words",
    by: "logins",
    file: `${ENGINE}/login.ts`,
    find: 'const code = readNoticeOrError(bytes, 0, bytes.length).get("C") ?? "";',
    become: 'const code = readNoticeOrError(bytes, 0, bytes.length).get("M") ?? "";',
  },
  {
    name: "endless-opening",
    what: "an upstream may say as much as it likes before the session is ready",
    by: "logins",
    file: `${ENGINE}/login.ts`,
    find: "if (socket.bytesRead > LOGIN_BYTES_MAX)",
    become: "if (socket.bytesRead < 0)",
  },
  {
    name: "left-open",
    what: "a connection to an upstream that broke its protocol is left open",
    by: "logins",
    file: `${ENGINE}/login.ts`,
    find: "} catch (error) {\n    socket.destroy();",
    become: "} catch (error) {",
  },
  {
    name: "believed-clear",
    what: "bytes behind a wish for TLS are read as if they had come after it",
    by: "logins",
    file: `${ENGINE}/greeting.ts`,
    find: "if (bytes.length > read.usedBytes || socket.readableLength > 0)",
    become: "if (bytes.length < read.usedBytes)",
  },
  {
    name: "token-in-clear",
    what: "a client is asked for its token without TLS",
    by: "logins",
    file: `${ENGINE}/greeting.ts`,
    find: 'if (!(socket instanceof TLSSocket)) throw new Unwelcome(refusal("CLIENT_TLS_REQUIRED"));',
    become: "",
  },
  {
    name: "silent-door",
    what: "a client whose greeting is none is hung up on without a word",
    by: "logins",
    file: `${ENGINE}/greeting.ts`,
    find: "await sayLast(at.socket, refusalFatal(why));",
    become:
      'if (why.code !== "CLIENT_PROTOCOL") await sayLast(at.socket, refusalFatal(why)); else at.socket.destroy();',
  },
  {
    name: "forwarded-settings",
    what: "what a client asks for at its start goes on to the upstream unread",
    by: "logins",
    file: `${ENGINE}/startup-settings.ts`,
    find: "return isSafeSetting(name, [value]) ? value : undefined;",
    become: "return value;",
  },
];
