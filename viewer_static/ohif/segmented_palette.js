// Segmented palettes (PS3.3 C.7.9.2), of which OHIF knows nothing and shows black instead. `build.mjs` puts this function
// into its `fetchPaletteColorLookupTableData`.

/**
 * Entries of one colour's table.
 * @param {{InlineBinary?: string, retrieveBulkData?: () => Promise<ArrayBuffer>}} element of OHIF's naturalized data set
 * @param {number[]} descriptor entries (0 stands for 65536), first mapped value, bits of an entry
 * @returns {number[] | Promise<number[]>} as many entries as the descriptor says
 * @throws {Error} where a segment has nothing to begin from, or its kind is unknown or not allowed there
 */
export function segmentedPalette(element, descriptor) {
  const [entries, , bits] = descriptor;
  const count = entries || 65536;

  /** Append `wanted` segments from a place (in numbers) on, as far as the table goes. */
  function expand(numbers, from, wanted, table, isRepeated) {
    let at = from;
    for (let read = 0; read < wanted && at + 1 < numbers.length && table.length < count; read += 1) {
      const [kind, length] = [numbers[at], numbers[at + 1]];
      at += 2;
      if (kind === 0) {
        for (const value of numbers.subarray(at, at + length)) table.push(value);
        at += length;
      } else if (kind === 1) {
        const [start, end] = [table.at(-1), numbers[at]];
        if (start === undefined) throw new Error("A palette begins with a linear segment.");
        for (let step = 1; step <= length; step += 1) table.push(Math.round(start + ((end - start) * step) / length));
        at += 1;
      } else if (kind === 2 && !isRepeated) {
        const width = numbers.BYTES_PER_ELEMENT;
        const offset = new DataView(numbers.buffer, numbers.byteOffset + at * width, 4).getUint32(0, true) / width;
        expand(numbers, offset, length, table, true);
        at += 4 / width;
      } else throw new Error(`A palette has a segment of the unknown kind ${kind}.`);
    }
  }

  function tableOf(octets) {
    const whole = octets.byteLength - (octets.byteLength % 2);
    const copy = octets.slice(0, whole);
    const table = [];
    expand(bits > 8 ? new Uint16Array(copy.buffer) : copy, 0, Number.POSITIVE_INFINITY, table, false);
    return table.slice(0, count);
  }

  if (element.InlineBinary) return tableOf(Uint8Array.from(atob(element.InlineBinary), (char) => char.charCodeAt(0)));
  return element.retrieveBulkData().then((buffer) => tableOf(new Uint8Array(buffer)));
}
