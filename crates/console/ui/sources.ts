// Writes dist/SOURCES: the hash of everything that dist is built from. A test of the Rust crate computes
// it again and fails when dist is older than its sources.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

/** Files and folders that dist is built from, from the top of the repository. */
const inputs = [
  "clients/typescript/src",
  "crates/console/ui/index.html",
  "crates/console/ui/package-lock.json",
  "crates/console/ui/package.json",
  "crates/console/ui/public",
  "crates/console/ui/sources.ts",
  "crates/console/ui/src",
  "crates/console/ui/tsconfig.json",
  "crates/console/ui/vite.config.ts",
];

/** The plugin. */
export function sources(top: string): Plugin {
  return {
    name: "sources",
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "SOURCES", source: `${digest(top)}\n` });
    },
  };
}

/** SHA-256 of a line `SHA-256 of the file, two spaces, path` for each file, sorted by path. */
function digest(top: string): string {
  const lines = inputs
    .flatMap((input) => files(top, input))
    .sort()
    .map((path) => `${sha256(readFileSync(join(top, path)))}  ${path}\n`);
  return sha256(lines.join(""));
}

function files(top: string, path: string): string[] {
  const entries = /\.\w+$/.test(path) ? undefined : readdirSync(join(top, path), { withFileTypes: true });
  return entries === undefined
    ? [path]
    : entries.flatMap((entry) =>
        entry.isDirectory() ? files(top, `${path}/${entry.name}`) : [`${path}/${entry.name}`],
      );
}

function sha256(data: string | Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}
