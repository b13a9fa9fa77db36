import { describe, expect, it } from "vitest";
import { hasUsualKey, readRpps } from "./rpps";

describe("RPPS numbers", () => {
  it("are read whatever separates their digits", () => {
    expect(readRpps(" 997 0021 8896 ")).toBe("99700218896");
    expect(readRpps("8.99700218896")).toBe("99700218896");
    for (const text of ["", "9970021889", "9970021889O", "199700218896"]) expect(readRpps(text)).toBeUndefined();
  });

  it("mostly end with a Luhn key, so that a wrong digit shows", () => {
    expect(hasUsualKey("99700218896")).toBe(true);
    expect(hasUsualKey("99700218897")).toBe(false);
    expect(hasUsualKey("99702018896")).toBe(false);
  });
});
