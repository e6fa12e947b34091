// Runs in the browser: every scenario that a browser can run, one after another.

import { Client } from "../src/web.js";
import { needsMoreThanABrowser, runScenario, type Scenarios, type Surroundings } from "./scenarios.js";

const surroundings: Surroundings = {
  control: "/control",
  connect: (target, options) => new Client(`http://${target}`, options),
};
const results: { name: string; error?: string }[] = [];
const files = (await (await fetch("/scenarios")).json()) as [string, Scenarios][];
for (const [file, { given = {}, scenarios }] of files) {
  for (const scenario of scenarios.filter((one) => !needsMoreThanABrowser(one, given))) {
    const name = `${file}: ${scenario.name}`;
    try {
      await runScenario(surroundings, given, scenario);
      results.push({ name });
    } catch (error) {
      results.push({ name, error: String(error) });
    }
  }
}
await fetch("/results", { method: "POST", body: JSON.stringify(results) });
