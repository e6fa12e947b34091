// Builds the console into ../dist, which is checked in: the same bytes for the same sources.
// File names carry no hashes, so that git stores differences.

import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { sources } from "./sources.ts";

const top = fileURLToPath(new URL("../../..", import.meta.url));
const client = fileURLToPath(new URL("../../../clients/typescript/src/web.ts", import.meta.url));

export default defineConfig({
  base: "/console/",
  plugins: [sources(top)],
  resolve: {
    alias: { "tenterhook/web": client },
    // The client's sources lie outside of this folder; its libraries are those of this package.
    dedupe: ["@bufbuild/protobuf", "@connectrpc/connect", "@connectrpc/connect-web"],
  },
  build: {
    outDir: "../dist",
    emptyOutDir: true,
    target: "es2023",
    // Its helper would preload with inline script in old browsers.
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        entryFileNames: "console.js",
        chunkFileNames: "[name].js",
        assetFileNames: "[name][extname]",
      },
    },
  },
});
