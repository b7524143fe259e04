/** Each alert is proved by promtool, firing and not firing, and has its section in the runbooks. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ROOT, textOf } from "#test/architecture/sources.ts";
import { find, render, skipWithoutHelm } from "#test/chart/support/helm.ts";
import { ALERT_CASES, type AlertCase, type Series } from "./support/alert-cases.ts";
import { promtool, skipWithoutPrometheus } from "./support/promtool.ts";
import { RULES, RUNBOOKS, type Rule, ruleGroups, rules } from "./support/rules.ts";

const names = rules.map(({ alert }) => alert);

test("every alert has its case, and every case its alert", () => {
  assert.ok(names.length > 20);
  assert.deepEqual(Object.keys(ALERT_CASES).toSorted(), names.toSorted());
});

test("what does not fire is about the same metrics as what does, but for those that miss somebody", () => {
  const metricsIn = (series: Series): string[] => Object.keys(series).map((each) => each.replace(/\{.*/, ""));
  for (const [alert, { firing, quiet }] of Object.entries(ALERT_CASES)) {
    const wanted = rules.find((rule) => rule.alert === alert)?.expr ?? "";
    for (const metric of metricsIn(quiet)) assert.ok(wanted.includes(metric.replace(/^absent/, "")), alert);
    if (!wanted.startsWith("absent(")) {
      const other = new Set(metricsIn(quiet));
      for (const metric of metricsIn(firing)) assert.ok(other.has(metric), `${alert}: ${metric}`);
    }
  }
});

test("every alert has a severity, a link to its section, and a section that says the three things", () => {
  const page = textOf(RUNBOOKS);
  const sections = new Map(
    page.split(/^## /m).flatMap((section): [string, string][] => {
      const [title = ""] = section.split("\n", 1);
      return /^Sallyport[A-Z]/.test(title) ? [[title, section]] : [];
    }),
  );
  assert.deepEqual([...sections.keys()], names);
  for (const { alert, labels, annotations } of rules) {
    assert.match(labels.severity, /^(?:critical|warning)$/);
    assert.equal(annotations.runbook_url, `${RUNBOOKS}#${alert.toLowerCase()}`);
    assert.match(sections.get(alert) ?? "", new RegExp(`^${alert}\n\n\\*\\*Meaning\\.\\*\\* `), alert);
    for (const part of ["Look at", "Do"])
      assert.ok(sections.get(alert)?.includes(`\n**${part}.** `), `${alert}: ${part}`);
  }
});

describe("promtool", { skip: skipWithoutPrometheus() }, () => {
  test("finds nothing wrong with the rules", async () => {
    const { code, said } = await promtool(["check", "rules", join(ROOT, RULES)]);
    assert.equal(code, 0, said);
    assert.match(said, new RegExp(`SUCCESS: ${names.length} rules found`));
  });
  test("sees each alert fire and not fire, and calls people in the words that were meant", async () => {
    const { code, said } = await unitTests(ALERT_CASES);
    assert.equal(code, 0, said);
  });
  test("would say so if one fired that should not, or did not fire that should", async () => {
    const { quiet, ...rest } = ALERT_CASES["SallyportNoLeader"] as AlertCase;
    const swapped = { ...rest, firing: quiet, quiet: rest.firing };
    const { code, said } = await unitTests({ SallyportNoLeader: swapped });
    assert.notEqual(code, 0);
    const complaints = said.split("alertname: SallyportNoLeader").slice(1);
    assert.ok(
      complaints.some((each) => /exp:\[\s*0:/.test(each) && /got:\[\]/.test(each)),
      said,
    );
    assert.ok(
      complaints.some((each) => /exp:\[\]/.test(each) && /got:\[\s*0:/.test(each)),
      said,
    );
  });
});

describe("the chart", { skip: skipWithoutHelm() }, () => {
  test("has the same rules for the Prometheus operator, which lead to the runbooks that are named", async () => {
    const runbooks = "https://runbooks.example.com/sallyport";
    const objects = await render({ alerts: { enabled: true, labels: { release: "prometheus" }, runbooks } });
    const rule = find(objects, "PrometheusRule", "sallyport");
    const withAddress = JSON.stringify(ruleGroups).replaceAll(RUNBOOKS, runbooks);
    assert.deepEqual(rule["spec"], JSON.parse(withAddress));
    assert.deepEqual(
      find(await render({ alerts: { enabled: true } }), "PrometheusRule", "sallyport")["spec"],
      ruleGroups,
    );
  });
  test("has none where nobody asked for them", async () => {
    assert.ok((await render()).every(({ kind }) => kind !== "PrometheusRule"));
  });
});

async function unitTests(cases: Readonly<Record<string, AlertCase>>): ReturnType<typeof promtool> {
  const folder = mkdtempSync(join(tmpdir(), "alerts-"));
  try {
    const file = join(folder, "alerts.json");
    const tests = Object.entries(cases).flatMap(([alert, one]) => testsOf(alert, one));
    writeFileSync(
      file,
      JSON.stringify({ rule_files: [join(ROOT, RULES)], evaluation_interval: "1m", tests }),
    );
    return await promtool(["test", "rules", file]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const MINUTES = 60;

function testsOf(alertname: string, one: AlertCase): readonly object[] {
  const rule = rules.find(({ alert }) => alert === alertname);
  const fires = [
    { exp_labels: { ...rule?.labels, ...one.labels }, exp_annotations: annotationsOf(rule, one) },
  ];
  return [
    {
      ...seriesOf(one.firing),
      alert_rule_test: [{ eval_time: `${one.after}m`, alertname, exp_alerts: fires }],
    },
    {
      ...seriesOf(one.quiet),
      // Never, at no time.
      alert_rule_test: Array.from({ length: MINUTES }, (_, minute) => ({
        eval_time: `${minute}m`,
        alertname,
        exp_alerts: [],
      })),
    },
  ];
}

function annotationsOf(rule: Rule | undefined, { summary }: AlertCase): object {
  return { summary, runbook_url: rule?.annotations.runbook_url };
}

function seriesOf(series: Series): object {
  const input = Object.entries(series).map(([name, values]) => ({ series: name, values }));
  return { interval: "1m", input_series: input };
}
