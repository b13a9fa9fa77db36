// `npm run build`: portal at dist/, OHIF at dist/ohif/, each rebuilt only when what it is made from has changed.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { constants, createReadStream, createWriteStream } from "node:fs";
import { cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { extname, join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { createBrotliCompress, createGzip, constants as zlib } from "node:zlib";

const HERE = import.meta.dirname;
const BUILD = join(HERE, "..", "build", "viewer");
const NPM_CACHE = join(HERE, "..", "build", "npm");
const DIST = join(HERE, "dist");
const COMPRESSIBLE = new Set([".js", ".css", ".html", ".svg", ".json", ".wasm", ".txt", ".mjs"]);
const AT_LEAST_BYTES = 1024;

async function filesBelow(path) {
  if ((await stat(path)).isFile()) return [path];
  const entries = await readdir(path, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Digest of names and contents of files and folders, relative to this folder. */
async function digestOf(paths) {
  const hash = createHash("sha256").update(process.version);
  const files = (await Promise.all(paths.map((path) => filesBelow(join(HERE, path))))).flat();
  for (const file of files.sort()) hash.update(`\0${relative(HERE, file)}\0`).update(await readFile(file));
  return hash.digest("hex");
}

async function compressFile(path) {
  const { size } = await stat(path);
  if (size < AT_LEAST_BYTES || !COMPRESSIBLE.has(extname(path))) return;
  const brotli = createBrotliCompress({
    params: { [zlib.BROTLI_PARAM_QUALITY]: 9, [zlib.BROTLI_PARAM_LGWIN]: 22, [zlib.BROTLI_PARAM_SIZE_HINT]: size },
  });
  await Promise.all([
    pipeline(createReadStream(path), brotli, createWriteStream(`${path}.br`)),
    pipeline(createReadStream(path), createGzip({ level: 9 }), createWriteStream(`${path}.gz`)),
  ]);
}

async function compressBelow(directory) {
  const files = await filesBelow(directory);
  const workers = Array.from({ length: 4 }, async () => {
    for (let file = files.pop(); file; file = files.pop()) await compressFile(file);
  });
  await Promise.all(workers);
}

/** Build `name` into build/viewer/<name> unless its inputs are those of the last build there. */
async function built(name, inputs, build) {
  const [output, stampFile] = [join(BUILD, name), join(BUILD, `${name}.stamp`)];
  const stamp = await digestOf(inputs);
  if ((await readFile(stampFile, "utf8").catch(() => "")) !== stamp) {
    await rm(stampFile, { force: true });
    await rm(output, { recursive: true, force: true });
    await build(output);
    await compressBelow(output);
    await writeFile(stampFile, stamp);
  }
  return stamp;
}

async function buildPortal(output) {
  console.log("Portal: checking types and bundling");
  const bin = (name) => join(HERE, "node_modules", ".bin", name);
  execFileSync(bin("tsc"), ["--noEmit"], { cwd: HERE, stdio: "inherit" });
  execFileSync(bin("vite"), ["build", "--outDir", output, "--emptyOutDir", "--logLevel", "warn"], {
    cwd: HERE,
    stdio: "inherit",
  });
}

async function buildOhif(output) {
  const ohif = await import("./ohif/build.mjs");
  await ohif.buildOhif(NPM_CACHE, output);
}

async function main() {
  await mkdir(BUILD, { recursive: true });
  const lock = ["package-lock.json", "build.mjs"];
  const stamps = [
    await built("portal", ["src", "public", "index.html", "vite.config.ts", "tsconfig.json", ...lock], buildPortal),
    await built("ohif", ["ohif", ...lock], buildOhif),
  ].join(" ");

  const distStamp = join(BUILD, "dist.stamp");
  const current = await readFile(distStamp, "utf8").catch(() => "");
  const complete = await stat(join(DIST, "ohif", "index.html")).then(
    () => true,
    () => false,
  );
  if (current !== stamps || !complete) {
    const fresh = join(BUILD, "dist.new");
    await rm(fresh, { recursive: true, force: true });
    const asClone = { recursive: true, mode: constants.COPYFILE_FICLONE };
    await cp(join(BUILD, "portal"), fresh, asClone);
    await cp(join(BUILD, "ohif"), join(fresh, "ohif"), asClone);
    await rm(DIST, { recursive: true, force: true });
    await rename(fresh, DIST);
    await writeFile(distStamp, stamps);
    console.log("Portal and viewer: built into viewer_static/dist");
  } else {
    console.log("Portal and viewer: unchanged");
  }
}

try {
  await main();
} catch (error) {
  console.error(`The portal was not built: ${error.message}`);
  process.exitCode = 1;
}
