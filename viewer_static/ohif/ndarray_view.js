// Views of `ndarray` (npm) without generated code. OHIF aligns Segmentations with their images by this library, which
// writes a class per type and dimension with `new Function`; our content security policy refuses that. `build.mjs` puts
// this function into its `compileConstructor`.

/**
 * The constructor of views of one kind: `(data, shape, stride, offset) => view`.
 * @param {string} dtype name of the array's type; `generic` arrays are read by their methods `get` and `set`
 * @param {number} dimension -1 for an array of nothing
 * @param {Object<string, Function[]>} constructors those made so far by type, that of dimension n at n + 1
 * @param {function(this: object): number[]} order axes by length of stride
 */
export function viewConstructor(dtype, dimension, constructors, order) {
  const isGeneric = dtype === "generic";

  class View {
    constructor(data, shape, stride, offset) {
      this.data = data;
      this.shape = shape;
      this.stride = stride;
      this.offset = offset | 0;
    }

    get size() {
      return dimension < 0 ? 0 : this.shape.reduce((product, length) => product * length, 1);
    }

    get order() {
      return order.call(this);
    }

    index(...at) {
      if (dimension < 0) return -1;
      return this.stride.reduce((sum, stride, axis) => sum + stride * at[axis], this.offset);
    }

    get(...at) {
      const index = this.index(...at);
      return isGeneric ? this.data.get(index) : this.data[index];
    }

    set(...at) {
      const value = at[dimension];
      const index = this.index(...at);
      if (isGeneric) return this.data.set(index, value);
      this.data[index] = value;
      return value;
    }

    valueOf() {
      return dimension === 0 ? this.get() : this;
    }

    hi(...ends) {
      const shape = this.shape.map((length, axis) => (ends[axis] >= 0 ? ends[axis] | 0 : length));
      return new View(this.data, shape, [...this.stride], this.offset);
    }

    lo(...starts) {
      const from = this.shape.map((_, axis) => (starts[axis] >= 0 ? starts[axis] | 0 : 0));
      const offset = this.stride.reduce((sum, stride, axis) => sum + stride * from[axis], this.offset);
      const shape = this.shape.map((length, axis) => length - from[axis]);
      return new View(this.data, shape, [...this.stride], offset);
    }

    step(...steps) {
      let { offset } = this;
      const [shape, stride] = [[...this.shape], [...this.stride]];
      steps.slice(0, dimension).forEach((step, axis) => {
        if (typeof step !== "number" || (step | 0) === 0) return;
        const by = step | 0;
        if (by < 0) offset += stride[axis] * (shape[axis] - 1);
        shape[axis] = Math.ceil(shape[axis] / Math.abs(by));
        stride[axis] *= by;
      });
      return new View(this.data, shape, stride, offset);
    }

    transpose(...axes) {
      const from = this.shape.map((_, axis) => (axes[axis] === undefined ? axis : axes[axis] | 0));
      return new View(
        this.data,
        from.map((axis) => this.shape[axis]),
        from.map((axis) => this.stride[axis]),
        this.offset,
      );
    }

    pick(...at) {
      if (dimension < 0) return null;
      let { offset } = this;
      const [shape, stride] = [[], []];
      this.shape.forEach((length, axis) => {
        if (typeof at[axis] === "number" && at[axis] >= 0) offset = (offset + this.stride[axis] * at[axis]) | 0;
        else {
          shape.push(length);
          stride.push(this.stride[axis]);
        }
      });
      return constructors[dtype][shape.length + 1](this.data, shape, stride, offset);
    }
  }

  if (dimension === 2 && !isGeneric) {
    // Pixel by pixel over whole frames: the hot path.
    View.prototype.get = function get(row, column) {
      return this.data[this.offset + this.stride[0] * row + this.stride[1] * column];
    };
    View.prototype.set = function set(row, column, value) {
      this.data[this.offset + this.stride[0] * row + this.stride[1] * column] = value;
      return value;
    };
  }
  Object.assign(View.prototype, { dtype, dimension });
  return (data, shape = [], stride = [], offset = 0) => new View(data, shape, stride, offset);
}
