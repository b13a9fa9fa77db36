/** QR codes (ISO/IEC 18004) of addresses: byte mode, error correction level M, versions 1 to 10. */

const CODEWORDS = [26, 44, 70, 100, 134, 172, 196, 242, 292, 346] as const;
/** Error correction codewords a block and number of blocks of level M, by version. */
const CORRECTION = [
  [10, 1],
  [16, 1],
  [26, 1],
  [18, 2],
  [24, 2],
  [16, 4],
  [18, 4],
  [22, 4],
  [22, 5],
  [26, 5],
] as const;
const ALIGNMENT: readonly (readonly number[])[] = [
  [],
  [6, 18],
  [6, 22],
  [6, 26],
  [6, 30],
  [6, 34],
  [6, 22, 38],
  [6, 24, 42],
  [6, 26, 46],
  [6, 28, 50],
];
const MASKS: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

type Modules = boolean[][];

/** Rows of modules, true for dark, without the quiet zone of four modules around them.
 * @throws {RangeError} if the text has more than 213 bytes in UTF-8. */
export function qrCode(text: string, mask?: number): Modules {
  const bytes = new TextEncoder().encode(text);
  const version =
    CODEWORDS.findIndex((_, index) => headerBits(index + 1) + 8 * bytes.length <= 8 * capacity(index)) + 1;
  if (version === 0) throw new RangeError("The text is too long for a QR code.");
  const bits = interleaved(dataCodewords(bytes, version), version).flatMap((byte) => toBits(byte, 8));
  const masks = mask === undefined ? MASKS.map((_, index) => index) : [mask];
  const drawn = masks.map((index) => draw(bits, version, index));
  return drawn.reduce((best, one) => (penalty(one) < penalty(best) ? one : best));
}

const headerBits = (version: number) => 4 + (version < 10 ? 8 : 16);

function capacity(index: number): number {
  const [each, blocks] = CORRECTION[index] ?? [0, 0];
  return (CODEWORDS[index] ?? 0) - each * blocks;
}

function toBits(value: number, length: number): number[] {
  return Array.from({ length }, (_, index) => (value >>> (length - 1 - index)) & 1);
}

function dataCodewords(bytes: Uint8Array, version: number): number[] {
  const room = capacity(version - 1);
  const bits = [...toBits(4, 4), ...toBits(bytes.length, headerBits(version) - 4)];
  for (const byte of bytes) bits.push(...toBits(byte, 8));
  bits.push(...Array(Math.min(4, room * 8 - bits.length)).fill(0));
  bits.push(...Array((8 - (bits.length % 8)) % 8).fill(0));
  const words: number[] = [];
  for (let start = 0; start < bits.length; start += 8) {
    words.push(bits.slice(start, start + 8).reduce((value, bit) => value * 2 + bit, 0));
  }
  for (let pad = 0xec; words.length < room; pad ^= 0xfd) words.push(pad);
  return words;
}

/** Blocks of data with their Reed-Solomon codewords, one codeword of each in turn. */
function interleaved(words: number[], version: number): number[] {
  const [length, count] = CORRECTION[version - 1] ?? [0, 1];
  const short = Math.floor(words.length / count);
  const shortBlocks = count - (words.length % count);
  const generator = generatorOf(length);
  const blocks: number[][] = [];
  for (let start = 0; blocks.length < count; ) {
    const end = start + short + (blocks.length < shortBlocks ? 0 : 1);
    blocks.push(words.slice(start, end));
    start = end;
  }
  const corrections = blocks.map((block) => remainder(block, generator));
  const turns = (parts: number[][], longest: number) =>
    Array.from({ length: longest }, (_, index) => parts.flatMap((part) => part.slice(index, index + 1))).flat();
  return [...turns(blocks, short + 1), ...turns(corrections, length)];
}

/** Product in GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1. */
function times(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) product = (product << 1) ^ ((product >>> 7) * 0x11d) ^ (((b >>> bit) & 1) * a);
  return product;
}

function generatorOf(degree: number): number[] {
  const polynomial = [...Array(degree - 1).fill(0), 1];
  for (let index = 0, root = 1; index < degree; index++, root = times(root, 2)) {
    for (let at = 0; at < degree; at++) {
      polynomial[at] = times(polynomial[at], root) ^ (at + 1 < degree ? polynomial[at + 1] : 0);
    }
  }
  return polynomial;
}

function remainder(block: number[], generator: number[]): number[] {
  const rest: number[] = Array(generator.length).fill(0);
  for (const byte of block) {
    const factor = byte ^ (rest.shift() ?? 0);
    rest.push(0);
    generator.forEach((coefficient, at) => {
      rest[at] = (rest[at] ?? 0) ^ times(coefficient, factor);
    });
  }
  return rest;
}

function draw(bits: number[], version: number, mask: number): Modules {
  const size = version * 4 + 17;
  const dark: Modules = Array.from({ length: size }, () => Array(size).fill(false));
  const fixed: Modules = Array.from({ length: size }, () => Array(size).fill(false));
  const set = (x: number, y: number, value: boolean) => {
    const [row, known] = [dark[y], fixed[y]];
    if (!row || !known || x < 0 || x >= size) return;
    row[x] = value;
    known[x] = true;
  };
  for (let index = 0; index < size; index++) {
    set(6, index, index % 2 === 0);
    set(index, 6, index % 2 === 0);
  }
  for (const [left, top] of [
    [3, 3],
    [size - 4, 3],
    [3, size - 4],
  ] as const) {
    for (let dy = -4; dy <= 4; dy++) {
      for (let dx = -4; dx <= 4; dx++) {
        const ring = Math.max(Math.abs(dx), Math.abs(dy));
        if (top + dy >= 0) set(left + dx, top + dy, ring !== 2 && ring !== 4);
      }
    }
  }
  const centres = ALIGNMENT[version - 1] ?? [];
  const last = centres.at(-1);
  for (const y of centres) {
    for (const x of centres) {
      if ((x === 6 && (y === 6 || y === last)) || (x === last && y === 6)) continue;
      for (let dy = -2; dy <= 2; dy++) {
        for (let dx = -2; dx <= 2; dx++) set(x + dx, y + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1);
      }
    }
  }
  drawFormat(set, size, mask);
  if (version >= 7) drawVersion(set, size, version);
  drawData(dark, fixed, bits, mask);
  return dark;
}

type Set = (x: number, y: number, value: boolean) => void;

/** Level M is 0; the mask beside it, both protected by a BCH code. */
function drawFormat(set: Set, size: number, mask: number): void {
  let rest = mask;
  for (let index = 0; index < 10; index++) rest = (rest << 1) ^ ((rest >>> 9) * 0x537);
  const format = ((mask << 10) | rest) ^ 0x5412;
  const bit = (index: number) => ((format >>> index) & 1) === 1;
  for (let index = 0; index <= 5; index++) set(8, index, bit(index));
  set(8, 7, bit(6));
  set(8, 8, bit(7));
  set(7, 8, bit(8));
  for (let index = 9; index < 15; index++) set(14 - index, 8, bit(index));
  for (let index = 0; index < 8; index++) set(size - 1 - index, 8, bit(index));
  for (let index = 8; index < 15; index++) set(8, size - 15 + index, bit(index));
  set(8, size - 8, true);
}

function drawVersion(set: Set, size: number, version: number): void {
  let rest = version;
  for (let index = 0; index < 12; index++) rest = (rest << 1) ^ ((rest >>> 11) * 0x1f25);
  const bits = (version << 12) | rest;
  for (let index = 0; index < 18; index++) {
    const [long, short] = [size - 11 + (index % 3), Math.floor(index / 3)];
    set(long, short, ((bits >>> index) & 1) === 1);
    set(short, long, ((bits >>> index) & 1) === 1);
  }
}

function drawData(dark: Modules, fixed: Modules, bits: number[], mask: number): void {
  const size = dark.length;
  const isInverted = MASKS[mask] ?? (() => false);
  let next = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step++) {
      for (const x of [right, right - 1]) {
        const y = ((right + 1) & 2) === 0 ? size - 1 - step : step;
        const row = dark[y];
        if (!row || fixed[y]?.[x]) continue;
        row[x] = (bits[next++] === 1) !== isInverted(x, y);
      }
    }
  }
}

/** How hard a code is to read (7.8.3): long runs, blocks, patterns like finders, an uneven share of dark modules. */
function penalty(dark: Modules): number {
  const size = dark.length;
  const columns = dark.map((_, x) => dark.map((row) => row[x] === true));
  let total = 0;
  for (const line of [...dark, ...columns]) {
    const text = line.map((module) => (module ? "1" : "0")).join("");
    for (const run of text.match(/0{5,}|1{5,}/g) ?? []) total += run.length - 2;
    for (const pattern of ["00001011101", "10111010000"]) {
      for (let at = text.indexOf(pattern); at >= 0; at = text.indexOf(pattern, at + 1)) total += 40;
    }
  }
  let darkModules = 0;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const own = dark[y]?.[x];
      if (own) darkModules++;
      if (own === dark[y]?.[x + 1] && own === dark[y + 1]?.[x] && own === dark[y + 1]?.[x + 1]) total += 3;
    }
  }
  return total + 10 * Math.floor(Math.abs((darkModules * 20) / (size * size) - 10));
}
