import { expect, test } from "vitest";
import { viewConstructor } from "./ndarray_view.js";

const ROW_MAJOR = [12, 4, 1];

function view(data, shape, stride, dtype = "uint8") {
  const constructors = { [dtype]: [] };
  const order = function order() {
    return this.stride.map((_, axis) => axis).sort((a, b) => Math.abs(this.stride[a]) - Math.abs(this.stride[b]));
  };
  for (let dimension = -1; dimension <= shape.length; dimension += 1)
    constructors[dtype].push(viewConstructor(dtype, dimension, constructors, order));
  return constructors[dtype][shape.length + 1](data, shape, stride, 0);
}

const numbers = () => Uint8Array.from({ length: 24 }, (_, index) => index);

test("elements are read and written at their place", () => {
  const data = numbers();
  const cube = view(data, [2, 3, 4], ROW_MAJOR);
  expect([cube.size, cube.dimension, cube.dtype, cube.order]).toEqual([24, 3, "uint8", [2, 1, 0]]);
  expect([cube.index(1, 2, 3), cube.get(1, 2, 3), cube.get(0, 1, 2)]).toEqual([23, 23, 6]);
  cube.set(1, 0, 1, 200);
  expect(data[13]).toBe(200);
});

test("picked, cut, stepped and transposed views share the data", () => {
  const cube = view(numbers(), [2, 3, 4], ROW_MAJOR);
  const plane = cube.pick(1, null, null);
  expect([plane.shape, plane.get(2, 3), plane.size]).toEqual([[3, 4], 23, 12]);
  plane.set(0, 0, 99);
  expect(cube.get(1, 0, 0)).toBe(99);
  expect(plane.pick(1, 2).get()).toBe(18);
  expect(cube.lo(1, 1).get(0, 0, 0)).toBe(16);
  expect(cube.hi(1, 2).shape).toEqual([1, 2, 4]);
  expect(plane.step(1, -1).get(0, 0)).toBe(15);
  expect(plane.step(2, 2).shape).toEqual([2, 2]);
  expect(plane.transpose(1, 0).get(3, 2)).toBe(23);
});

test("a generic array is read by its methods", () => {
  const values = new Map();
  const array = { get: (index) => values.get(index), set: (index, value) => values.set(index, value) };
  const square = view(array, [2, 2], [2, 1], "generic");
  square.set(1, 1, "last");
  expect([values.get(3), square.get(1, 1)]).toEqual(["last", "last"]);
});
