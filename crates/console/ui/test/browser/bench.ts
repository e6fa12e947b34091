// How fast the console is here: first paint, and frames while a table of 10,000 deliveries scrolls. Each is
// measured beside a page that does next to nothing in the same browser, since machines differ.

import type { AddressInfo } from "node:net";
import { createServer } from "node:http";
import { once } from "node:events";
import type { Browser, Page } from "playwright-core";
import { launch } from "./browser.ts";
import { Receiver, Server, until } from "./server.ts";

const rows = 10_000;
const batch = 500;
const loads = 9;
const scrollMs = 5000;
const wheelPx = 900;

/** What one page needs, and how it moves. */
interface Measured {
  paintMs: number;
  framesPerSecond: number;
  frameP50: number;
  frameP99: number;
}

const bare = `<!doctype html><title>bare</title><h1>bare</h1><table>${"<tr><td>row</td></tr>".repeat(2000)}</table>`;

async function main(): Promise<void> {
  const receiver = new Receiver();
  await receiver.start();
  const [server, browser] = await Promise.all([Server.start("--dev"), launch()]);
  const yardstick = createServer((_, response) => {
    response.setHeader("content-type", "text/html").end(bare);
  }).listen(0, "127.0.0.1");
  await once(yardstick, "listening");
  try {
    await fill(server, receiver);
    const plain = `http://127.0.0.1:${(yardstick.address() as AddressInfo).port}/`;
    print("a bare page", await measure(browser, plain, async () => {}));
    print("the console", await measure(browser, `${server.origin}/console/deliveries`, allRows));
  } finally {
    await browser.close();
    await server.stop();
    yardstick.close();
    receiver.stop();
  }
}

/** Ten thousand deliveries that have ended. */
async function fill(server: Server, receiver: Receiver): Promise<void> {
  await server.client.createWebhook({ displayName: "orders", request: { url: receiver.url("/ok") } });
  for (let id = 0; id < rows; id += batch) {
    await server.client.publishBatch(
      Array.from({ length: batch }, (_, at) => ({ type: "created", objectType: "shop.order", data: { id: id + at } })),
    );
  }
  await until(async () => receiver.received.length >= rows, 300_000);
}

/** Scrolls to the end, so that every row is loaded, and back. */
async function allRows(page: Page): Promise<void> {
  await until(async () => {
    await page.mouse.wheel(0, 100_000);
    return Number(await page.getByRole("table").getAttribute("aria-rowcount")) > rows;
  }, 120_000);
  await page.evaluate(() => {
    document.querySelectorAll("*").forEach((element) => (element.scrollTop = 0));
  });
}

async function measure(browser: Browser, url: string, ready: (page: Page) => Promise<void>): Promise<Measured> {
  const paints: number[] = [];
  for (let load = 0; load < loads; load++) {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(url);
    paints.push(await page.evaluate(firstPaint));
    await context.close();
  }
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  await page.goto(url);
  await page.locator("table, [role=table]").first().waitFor();
  await page.mouse.move(640, 400);
  await ready(page);
  const frames = page.evaluate(frameTimes, scrollMs);
  const end = performance.now() + scrollMs;
  while (performance.now() < end) {
    await page.mouse.wheel(0, wheelPx);
  }
  const times = (await frames).toSorted((a, b) => a - b);
  await context.close();
  return {
    paintMs: middle(
      paints.toSorted((a, b) => a - b),
      0.5,
    ),
    framesPerSecond: (times.length / scrollMs) * 1000,
    frameP50: middle(times, 0.5),
    frameP99: middle(times, 0.99),
  };
}

function middle(sorted: number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

/** In the page: milliseconds from its start to the first content. */
function firstPaint(): Promise<number> {
  return new Promise((resolve) => {
    new PerformanceObserver((list) => {
      list.getEntriesByName("first-contentful-paint").forEach((entry) => resolve(entry.startTime));
    }).observe({ type: "paint", buffered: true });
  });
}

/** In the page: how long each frame took, for a while. */
function frameTimes(forMs: number): Promise<number[]> {
  return new Promise((resolve) => {
    const times: number[] = [];
    const begin = performance.now();
    let last = begin;
    requestAnimationFrame(function frame() {
      const now = performance.now();
      times.push(now - last);
      last = now;
      if (now - begin < forMs) {
        requestAnimationFrame(frame);
      } else {
        resolve(times);
      }
    });
  });
}

function print(name: string, { paintMs, framesPerSecond, frameP50, frameP99 }: Measured): void {
  console.log(
    `${name.padEnd(12)} first paint ${paintMs.toFixed(0).padStart(4)} ms   scrolling ` +
      `${framesPerSecond.toFixed(0).padStart(3)} frames/s, p50 ${frameP50.toFixed(1)} ms, p99 ${frameP99.toFixed(1)} ms`,
  );
}

await main();
