// A browser whose pages fail the test on any report of the content security policy, any request to
// another origin, and any error in the console.

import assert from "node:assert/strict";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { until } from "./server.ts";

const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const timeoutMs = 20_000;

export async function launch(): Promise<Browser> {
  return chromium.launch({ executablePath, args: ["--no-sandbox"] });
}

export interface Opened {
  page: Page;
  /** Fails if anything was reported, and closes the page. */
  close(): Promise<void>;
}

/** Opens a page of the console. */
export async function open(
  browser: Browser,
  origin: string,
  path: string,
  options: BrowserContextOptions = {},
): Promise<Opened> {
  const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"], ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(timeoutMs);
  const reports: string[] = [];
  await context.exposeFunction("reportViolation", (text: string) => void reports.push(`policy: ${text}`));
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      (globalThis as unknown as { reportViolation(text: string): void }).reportViolation(
        `${event.violatedDirective} ${event.blockedURI} ${event.sample}`,
      );
    });
  });
  page.on(
    "console",
    (message) =>
      message.type() === "error" && !expected.test(message.text()) && reports.push(`console: ${message.text()}`),
  );
  page.on("pageerror", (error) => reports.push(`error: ${error.stack ?? error.message}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.origin !== origin && url.protocol !== "data:") {
      reports.push(`request: ${request.url()}`);
    }
  });
  page.on("dialog", (dialog) => {
    reports.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.goto(origin + path);
  const close = async (): Promise<void> => {
    await context.close();
    assert.deepEqual(reports, []);
  };
  return { page, close };
}

/** Waits until the page has its title and rests: nothing loads and its text stays the same. */
export async function rest(page: Page): Promise<void> {
  await page.locator("h1").waitFor();
  let before = "";
  await until(async () => {
    const text = await page.evaluate(() =>
      document.querySelector("[aria-busy=true], .live.loading") === null
        ? document.body.innerText.replace(/\d+ (s|min)\b/g, "")
        : "",
    );
    const same = text !== "" && text === before;
    before = text;
    return same;
  });
}

/** The browser itself logs calls that a test makes fail on purpose. */
const expected =
  /Failed to load resource: (net::ERR_(CONNECTION|EMPTY|INCOMPLETE|NETWORK|SOCKET)|the server responded with a status of 401)/;
