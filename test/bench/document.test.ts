import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { documentOf } from "../../bench/performance/document.ts";
import { profileOf } from "../../bench/profile/frames.ts";
import { resultsOf } from "./support/results.ts";

describe("the page of a run", () => {
  test("each row has its table, and what differs between rounds is told", () => {
    const text = documentOf(
      resultsOf({ idle: { relay: { kbEach: 20 }, gateway: { kbEach: 61.2, residentMb: 500 } } }),
    );
    assert.match(text, /^## 8,000 idle sessions$/m);
    assert.match(text, /^\| relay \| 20\.0 \| – \|$/m);
    assert.match(text, /^\| gateway \| 61\.2 \| 500 \|$/m);
    assert.match(text, /^\| memory of an idle session \| at most 50 kB \| 61\.2 kB \| \*\*no\*\* \|$/m);
  });

  test("a busy machine is told, a quiet one is not", () => {
    assert.match(documentOf(resultsOf({}, 7)), /The machine was busy/);
    assert.doesNotMatch(documentOf(resultsOf({}, 0.4)), /The machine was busy/);
  });

  test("the frames of a profile stand with what they limit", () => {
    const profile = profileOf(PROFILE, 10);
    const results = {
      ...resultsOf({ "latency-simple": { direct: { p50Us: 100 } } }),
      profiles: { simple: profile },
    };
    assert.match(
      documentOf(results),
      /own frames of 70\.0 µs each: `busy` in `sidecar\/relay\.ts` 57 %, `\(garbage collector\)` 43 %\.$/m,
    );
  });
});

const frameOf = (functionName: string, url = "", lineNumber = -1) => ({ functionName, url, lineNumber });
const PROFILE = {
  nodes: [
    { id: 1, callFrame: frameOf("(idle)") },
    { id: 2, callFrame: frameOf("busy", "file:///somewhere/sidecar/relay.ts", 9) },
    { id: 3, callFrame: frameOf("(garbage collector)") },
  ],
  samples: [2, 1, 3, 2],
  timeDeltas: [5, 400, 900, 300, 0],
};

test("a frame has the time until the next sample, and waiting is no frame's", () => {
  assert.deepEqual(profileOf(PROFILE, 1), {
    busyUs: 700,
    done: 1,
    frames: [
      { name: "busy", place: "sidecar/relay.ts:10", selfUs: 400 },
      { name: "(garbage collector)", place: "", selfUs: 300 },
    ],
  });
});
