import assert from "node:assert/strict";
import { test } from "node:test";
import { parseInstantMs } from "#core/policy/instant.ts";

test("a time with its zone is a moment, however it is written", () => {
  const moment = Date.UTC(2027, 0, 31, 18);
  for (const text of [
    "2027-01-31T18:00:00Z",
    "2027-01-31t18:00:00z",
    "2027-01-31T19:30:00+01:30",
    "2027-01-31T18:00:00.000Z",
  ]) {
    assert.equal(parseInstantMs(text), moment, text);
  }
  assert.equal(parseInstantMs("2028-02-29T00:00:00Z"), Date.UTC(2028, 1, 29));
});

test("a time that does not exist, or could be several, is none", () => {
  const wrong = [
    "",
    "tomorrow",
    "2027-01-31",
    "2027-01-31T18:00:00",
    "2027-01-31 18:00:00Z",
    "2027-02-29T00:00:00Z",
    "2027-13-01T00:00:00Z",
    "2027-00-01T00:00:00Z",
    "2027-01-32T00:00:00Z",
    "2027-01-31T24:00:00Z",
    "2027-01-31T18:60:00Z",
    "2027-01-31T18:00:60Z",
    "2027-01-31T18:00:00+24:00",
    "2027-01-31T18:00:00Z ",
    "1798740000000",
  ];
  for (const text of wrong) assert.equal(parseInstantMs(text), undefined, text);
});
