/** Before a text is judged, everything that gives it its meaning must be known: the search path and the catalog. */
import type { Intake } from "./intake.ts";

/** True when texts can be judged now; else waits, and goes on with `then`. */
export function hasMeaning(intake: Intake, then: () => void): boolean {
  const { core } = intake;
  const { path, catalog } = core.parts;
  if (path.isMoving) {
    intake.demandAnswers();
    intake.waitUntil(() => !path.isMoving || intake.skipping, then);
    return false;
  }
  if (!path.isKnown && !isAborted(intake)) {
    askPath(intake, then);
    return false;
  }
  const reading = catalog.ready(core.masks);
  if (reading === undefined) return true;
  intake.await(reading, then);
  return false;
}

/** Nothing but the end of the transaction means anything now, and asking would fail. */
const isAborted = ({ core, groupOpen }: Intake): boolean =>
  !groupOpen && core.expected.length === 0 && core.status === "E";

function askPath(intake: Intake, then: () => void): void {
  const { core } = intake;
  const { path } = core.parts;
  if (intake.groupOpen) {
    core.askPath(false);
    intake.waitUntil(() => path.isKnown || intake.skipping, then);
    return;
  }
  // Between groups the state is only known once everything is answered; some servers tell the path by then.
  intake.waitUntil(
    () => core.expected.length === 0,
    () => {
      if (path.isKnown || core.status === "E") return then();
      core.askPath(true);
      intake.waitUntil(() => core.expected.length === 0, then);
    },
  );
}
