// Builds dist/ohif from the published OHIF package: integrity, sub-path, minification. Any surprise stops the build,
// so that an upgrade of OHIF is looked at, not hoped for.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { transform } from "esbuild";

const VERSION = "3.13.2";
const INTEGRITY = "sha512-WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA==";
const HERE = import.meta.dirname;

// What the viewer needs; left out: ort/ (AI segmentation, 142 MB), dicom-microscopy-viewer/ (21 MB), the service worker
// and the pages that load scripts from other hosts (silent-refresh.html, google.js), icons.
const KEPT = [/\.bundle\.[0-9a-f]+\.js$/, /\.css$/, /\.wasm$/, /\.woff2$/];
const PUBLIC_PATHS = { js: 8, css: 5 };
// What OHIF loads before its first image, largest first; the worklist fetches them ahead (src/pages/use_viewer_prefetch.ts).
const LOADED_FIRST = ["app", "2493", "8478", "6495", "4712", "89", "5731"];
// Functions of OHIF that begin with a call of ours, how often OHIF has them, and why: see each script.
const INSERTED = [
  {
    script: "ndarray_view.js",
    into: "function compileConstructor(dtype, dimension) {",
    call: "return viewConstructor(dtype, dimension, CACHED_CONSTRUCTORS, order);",
    copies: 3,
  },
  {
    script: "segmented_palette.js",
    into: "function fetchPaletteColorLookupTableData(item, tag, descriptorTag) {",
    call: `const segmented = item["Segmented" + tag];
      if (!item[tag] && segmented) return segmented.palette ??= segmentedPalette(segmented, item[descriptorTag]);`,
    copies: 1,
  },
];

/** Download the package once and check it. Returns the path of the archive. */
async function fetchPackage(cacheDir) {
  const archive = join(cacheDir, `ohif-app-${VERSION}.tgz`);
  const digest = async () => {
    const bytes = await readFile(archive).catch(() => null);
    return bytes && `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
  };
  if ((await digest()) === INTEGRITY) return archive;
  await mkdir(cacheDir, { recursive: true });
  console.log(`OHIF ${VERSION}: downloading (50 MB)`);
  execFileSync("npm", ["pack", `@ohif/app@${VERSION}`, "--silent", "--pack-destination", cacheDir], {
    stdio: ["ignore", "ignore", "inherit"],
    cwd: cacheDir,
  });
  if ((await digest()) !== INTEGRITY) {
    await rm(archive, { force: true });
    throw new Error(`The package @ohif/app@${VERSION} does not have the expected sha512 digest: refused.`);
  }
  return archive;
}

async function unpack(archive, workDir) {
  await rm(workDir, { recursive: true, force: true });
  await mkdir(workDir, { recursive: true });
  const unwanted = ["ort", "dicom-microscopy-viewer"].flatMap((name) => ["--exclude", `package/dist/${name}`]);
  execFileSync("tar", ["-xzf", archive, "-C", workDir, ...unwanted]);
  return join(workDir, "package");
}

/** Count and replace, so that a pattern that no longer matches is noticed. */
function moved(text, pattern, replacement, counter) {
  return text.replace(pattern, () => {
    counter.found += 1;
    return replacement;
  });
}

async function buildScript(source, target, counter) {
  const original = await readFile(source, "utf8");
  const here = moved(original, /__webpack_require__\.p = "\/"/g, '__webpack_require__.p = "/ohif/"', counter);
  const text = await withInsertions(here, counter);
  const { code } = await transform(text, { minify: true, legalComments: "eof", target: "es2022", charset: "utf8" });
  await writeFile(target, code);
}

async function withInsertions(text, counter) {
  let changed = text;
  for (const { script, into, call } of INSERTED) {
    const parts = changed.split(into);
    counter[script] = (counter[script] ?? 0) + parts.length - 1;
    if (parts.length === 1) continue;
    const ours = (await readFile(join(HERE, script), "utf8")).replace("export function", "function");
    changed = parts.join(`${into}\n${call}\n${ours}`);
  }
  return changed;
}

async function buildStyle(source, target, counter) {
  const text = moved(await readFile(source, "utf8"), /url\(\//g, "url(/ohif/", counter);
  const { code } = await transform(text, { loader: "css", minify: true });
  await writeFile(target, code);
}

async function writeIndex(target, names) {
  const first = LOADED_FIRST.map((chunk) => {
    const found = names.find((name) => name.startsWith(`${chunk}.bundle.`) && name.endsWith(".js"));
    if (!found) throw new Error(`OHIF ${VERSION}: there is no ${chunk}.bundle.*.js to load first.`);
    return found;
  });
  await writeFile(join(target, "loaded_first.json"), JSON.stringify(first.map((name) => `/ohif/${name}`)));
  const page = await readFile(join(HERE, "index.html"), "utf8");
  const [main, ...chunks] = first;
  // The browser asks for the chunks along with the main script instead of once that has run.
  const preloads = chunks.map((name) => `<link rel="preload" as="script" href="/ohif/${name}">`).join("\n    ");
  await writeFile(join(target, "index.html"), page.replace("{app.bundle}", main).replace("{preloads}", preloads));
}

/**
 * Build the viewer into `target`.
 * @param {string} cacheDir where downloads are kept between builds
 * @param {string} target directory to create
 */
export async function buildOhif(cacheDir, target) {
  const archive = await fetchPackage(cacheDir);
  console.log(`OHIF ${VERSION}: unpacking and minifying`);
  const workDir = join(cacheDir, "ohif-unpacked");
  const source = await unpack(archive, workDir);
  const dist = join(source, "dist");
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });

  const names = (await readdir(dist)).filter((name) => KEPT.some((pattern) => pattern.test(name)));
  const counters = { js: { found: 0 }, css: { found: 0 } };
  for (const name of names) {
    const [from, to] = [join(dist, name), join(target, name)];
    if (name.endsWith(".js")) await buildScript(from, to, counters.js);
    else if (name.endsWith(".css")) await buildStyle(from, to, counters.css);
    else await cp(from, to);
  }
  for (const [kind, expected] of Object.entries(PUBLIC_PATHS)) {
    if (counters[kind].found !== expected) {
      throw new Error(`OHIF ${VERSION}: ${counters[kind].found} ${kind} paths moved to /ohif/, expected ${expected}.`);
    }
  }
  for (const { script, copies } of INSERTED) {
    if (counters.js[script] !== copies) {
      throw new Error(`OHIF ${VERSION}: ${script} was put into ${counters.js[script]} functions, expected ${copies}.`);
    }
  }
  await cp(join(dist, "assets", "images"), join(target, "assets", "images"), { recursive: true });
  await cp(join(source, "LICENSE"), join(target, "LICENSE.txt"));
  await cp(join(HERE, "app-config.js"), join(target, "app-config.js"));
  await writeIndex(target, names);
  await rm(workDir, { recursive: true, force: true });
}
