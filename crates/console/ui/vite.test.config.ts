// Bundles the tests for Node into build/: those of the pure parts, those that drive a browser, and two
// programs that do.

import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const client = fileURLToPath(new URL("../../../clients/typescript/src/web.ts", import.meta.url));
const libraries = ["@bufbuild/protobuf", "@connectrpc/connect", "@connectrpc/connect-web"];

/** What is run by hand: see console.mk. */
const programs = {
  "browser/bench": "test/browser/bench.ts",
  "browser/pictures": "test/browser/pictures.ts",
};

export default defineConfig({
  publicDir: false,
  resolve: { alias: { "tenterhook/web": client }, dedupe: libraries },
  ssr: { noExternal: libraries, external: ["playwright-core", "axe-core"] },
  build: {
    ssr: true,
    outDir: "build",
    reportCompressedSize: false,
    rolldownOptions: {
      input: { ...tests("test", "pure"), ...tests("test/browser", "browser"), ...programs },
      output: { entryFileNames: "[name].js" },
    },
  },
});

/** The tests of a folder, by the path of the file that is made of them. */
function tests(folder: string, into: string): Record<string, string> {
  const names = readdirSync(folder).filter((name) => name.endsWith(".test.ts"));
  return Object.fromEntries(names.map((name) => [`${into}/${name.slice(0, -3)}`, `${folder}/${name}`]));
}
