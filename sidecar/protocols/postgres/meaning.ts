/** Before a text is judged, everything that gives it its meaning must be known: the search path and the catalog. */
import type { Intake } from "./intake.ts";

/** True when texts can be judged now; else waits, and goes on with `then`. */
export function hasMeaning(intake: Intake, then: () => void): boolean {
  if (!hasPath(intake, then)) return false;
  const { core } = intake;
  const { catalog } = core.parts;
  if (core.masks.length === 0 && core.parts.tap.passesAll) {
    catalog.follow();
    return true;
  }
  const reading = catalog.ready(core.masks, core.status !== "I" || core.expected.length > 0);
  if (reading === undefined) return true;
  intake.await(reading, then);
  return false;
}

/** The same of what needs no catalog: nothing is under way that could move the search path, or forget all names. */
export function hasPath(intake: Intake, then: () => void): boolean {
  const { path } = intake.core.parts;
  if (path.isMoving) {
    intake.demandAnswers();
    intake.waitUntil(() => !path.isMoving || intake.skipping, then);
    return false;
  }
  if (path.isKnown || isAborted(intake)) return true;
  askPath(intake, then);
  return false;
}

/** What drivers send to see whether a connection lives: it means nothing, so nothing has to be known for it. */
export function isEmpty(text: Buffer): boolean {
  if (text.length > EMPTY_BYTES_MAX) return false;
  return text.every((byte) => byte === SEMICOLON || byte === SPACE || (byte >= TAB && byte <= RETURN));
}

const EMPTY_BYTES_MAX = 64;
const [TAB, RETURN, SPACE, SEMICOLON] = [0x09, 0x0d, 0x20, 0x3b];

/**
 * Nothing but the end of the transaction means anything now, and asking would fail. What comes behind that end, in the
 * same group, has a meaning again.
 */
const isAborted = ({ core, mayRevive }: Intake): boolean =>
  core.expected.readies === 0 && core.status === "E" && !mayRevive;

function askPath(intake: Intake, then: () => void): void {
  const { core } = intake;
  const { path } = core.parts;
  // What was asked before must be over: only then is the state of the transaction known, and some servers have told
  // the path by then.
  intake.waitUntil(
    () => core.expected.readies === 0 || intake.skipping,
    () => {
      if (path.isKnown || intake.skipping || isAborted(intake)) return then();
      if (!intake.groupOpen) return askAt(intake, "boundary", then);
      if (!core.isCommitted) return askAt(intake, "group", then);
      // What fails before a Sync of ours would be skipped up to that one, and not up to the client's.
      intake.demandAnswers();
      intake.waitUntil(
        () => core.expected.length === 0 || intake.skipping,
        () => (intake.skipping ? then() : askAt(intake, "boundary", then)),
      );
    },
  );
}

function askAt(intake: Intake, where: "boundary" | "group", then: () => void): void {
  const { core } = intake;
  core.askPath(where === "boundary");
  intake.waitUntil(() => intake.skipping || core.expected.length === 0 || core.parts.path.isKnown, then);
}
