// Runs the scenarios in a headless Chromium: serves a page that imports the client as it is built
// and reports back what became of each scenario.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import type { Scenarios } from "./scenarios.js";

/** What became of a scenario. */
export interface Result {
  name: string;
  error?: string;
}

/** Where `dist` and `node_modules` are. */
const root = fileURLToPath(new URL("../../", import.meta.url));
const packages = ["@bufbuild/protobuf", "@connectrpc/connect", "@connectrpc/connect-web"];

/** The program of a Chromium, if there is one. */
export function findBrowser(): string | undefined {
  const named = process.env["CHROMIUM"];
  const known = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  return (named === undefined ? known : [named]).find(existsSync);
}

/** Runs `files` in a page whose origin is `page`; what became of each scenario that a browser can run. */
export async function runInBrowser(
  browser: string,
  page: string,
  control: string,
  files: Map<string, Scenarios>,
): Promise<Result[]> {
  const profile = mkdtempSync(join(tmpdir(), "tenterhook-chromium-"));
  let report: (results: Result[]) => void = () => {};
  const reported = new Promise<Result[]>((resolve) => (report = resolve));
  const server = createServer((request, response) => {
    answer(request, response, control, files, report).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(Number(new URL(page).port), "127.0.0.1", resolve));
  const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", `--user-data-dir=${profile}`];
  const chromium = spawn(browser, [...flags, `${page}/`], { stdio: "ignore" });
  const ended = new Promise<never>((_, reject) => {
    chromium.on("error", reject);
    chromium.on("exit", (code) => reject(new Error(`Chromium exited with ${code}`)));
  });
  try {
    return await Promise.race([reported, ended]);
  } finally {
    ended.catch(() => {});
    const gone = new Promise((resolve) => chromium.on("exit", resolve));
    chromium.kill();
    await gone;
    server.closeAllConnections();
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  control: string,
  files: Map<string, Scenarios>,
  report: (results: Result[]) => void,
): Promise<void> {
  const path = request.url ?? "/";
  const send = (type: string, body: string | Buffer) => response.writeHead(200, { "content-type": type }).end(body);
  if (path === "/") {
    send("text/html", html());
  } else if (path === "/scenarios") {
    send("application/json", JSON.stringify([...files]));
  } else if (path === "/results") {
    const parts: Buffer[] = [];
    for await (const part of request) {
      parts.push(part as Buffer);
    }
    response.writeHead(204).end();
    report(JSON.parse(Buffer.concat(parts).toString()) as Result[]);
  } else if (path.startsWith("/control/")) {
    send("application/json", await (await fetch(control + path.slice("/control".length))).text());
  } else if (/^\/(dist|node_modules)\/.*\.js$/.test(path) && !path.includes("..")) {
    send("text/javascript", readFileSync(join(root, normalize(path))));
  } else {
    response.writeHead(404).end();
  }
}

/** A page that imports bare names from `node_modules`, and Node's assertions from a few lines of our own. */
function html(): string {
  const imports: Record<string, string> = { "node:assert/strict": "/dist/test/assert.js" };
  for (const name of packages) {
    const manifest = JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8")) as {
      exports: Record<string, string | { import: string | { default: string } }>;
    };
    for (const [subpath, target] of Object.entries(manifest.exports)) {
      const file = typeof target === "string" ? target : typeof target.import === "string" ? target.import : target.import.default;
      imports[name + subpath.slice(1)] = `/node_modules/${name}${file.slice(1)}`;
    }
  }
  const map = JSON.stringify({ imports });
  return `<!doctype html><script type="importmap">${map}</script><script type="module" src="/dist/test/page.js"></script>`;
}
