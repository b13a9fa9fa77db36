import { expect, test } from "vitest";
import { segmentedPalette } from "./segmented_palette.js";

const inline = (numbers) => ({
  InlineBinary: btoa(String.fromCharCode(...new Uint8Array(numbers.buffer))),
});

test("discrete and linear segments (PS3.3 C.7.9.2)", () => {
  const words = Uint16Array.of(0, 2, 100, 200, 1, 4, 1000, 0, 1, 65535);
  expect(segmentedPalette(inline(words), [7, 0, 16])).toEqual([100, 200, 400, 600, 800, 1000, 65535]);
});

test("entries of 8 bits, a trailing null, and a falling line", () => {
  const octets = Uint8Array.of(0, 1, 250, 1, 5, 0, 0, 1, 9, 0);
  expect(segmentedPalette(inline(octets), [7, 0, 8])).toEqual([250, 200, 150, 100, 50, 0, 9]);
});

test("an indirect segment repeats segments that came before", () => {
  const words = Uint16Array.of(0, 1, 10, 1, 2, 20, 2, 1, 6, 0, 0, 1, 7);
  expect(segmentedPalette(inline(words), [6, 0, 16])).toEqual([10, 15, 20, 20, 20, 7]);
});

test("no more entries than the descriptor says; 0 stands for 65536", () => {
  const words = Uint16Array.of(0, 1, 0, 1, 65535, 65535, 0, 3, 1, 2, 3);
  expect(segmentedPalette(inline(words), [3, 0, 16])).toEqual([0, 1, 2]);
  expect(segmentedPalette(inline(words), [0, 0, 16])).toHaveLength(65536);
});

test("damaged palettes are refused, without end recursion too", () => {
  expect(() => segmentedPalette(inline(Uint16Array.of(1, 2, 5)), [2, 0, 16])).toThrow("linear");
  expect(() => segmentedPalette(inline(Uint16Array.of(0, 1, 5, 9, 1)), [4, 0, 16])).toThrow("unknown kind 9");
  const loop = Uint16Array.of(0, 1, 5, 2, 2, 0, 0);
  expect(() => segmentedPalette(inline(loop), [4, 0, 16])).toThrow("unknown kind 2");
});

test("bulk data comes later", async () => {
  const element = { retrieveBulkData: async () => Uint16Array.of(0, 2, 1, 2).buffer };
  expect(await segmentedPalette(element, [2, 0, 16])).toEqual([1, 2]);
});
