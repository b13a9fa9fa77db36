import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import react from "@vitejs/plugin-react";
import pdfjs from "pdfjs-dist/package.json" with { type: "json" };
import { defineConfig, type Plugin } from "vite";

/** Fonts, character maps and decoders that pdf.js loads while it draws, beside the other immutable assets. */
function pdfjsData(): Plugin {
  const source = join(import.meta.dirname, "node_modules", "pdfjs-dist");
  return {
    name: "pdfjs-data",
    apply: "build",
    async generateBundle() {
      for (const folder of ["standard_fonts", "cmaps", "wasm"]) {
        for (const name of await readdir(join(source, folder))) {
          const fileName = `assets/pdfjs-${pdfjs.version}/${folder}/${name}`;
          this.emitFile({ type: "asset", fileName, source: await readFile(join(source, folder, name)) });
        }
      }
    },
  };
}

// `npm run dev` needs a running platform for everything but the portal's own files.
const platform = process.env.SANSFILM_URL ?? "http://127.0.0.1:8080";
const platformPaths = ["/dicomweb", "/api", "/objects", "/ohif"];

export default defineConfig({
  plugins: [react(), pdfjsData()],
  define: { __PDFJS_DATA__: JSON.stringify(`/assets/pdfjs-${pdfjs.version}/`) },
  build: { target: "es2022", assetsInlineLimit: 0, chunkSizeWarningLimit: 700 },
  server: {
    host: "127.0.0.1",
    proxy: Object.fromEntries(platformPaths.map((path) => [path, { target: platform, changeOrigin: true }])),
  },
  test: { environment: "node", include: ["src/**/*.test.ts", "ohif/**/*.test.js"] },
} as Parameters<typeof defineConfig>[0]);
