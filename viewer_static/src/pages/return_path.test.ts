import { describe, expect, it } from "vitest";
import { safeReturnPath } from "./return_path";

const ORIGIN = "https://images.example";

describe("safeReturnPath", () => {
  it.each([
    ["/studies/1.2.3", "/studies/1.2.3"],
    ["/ohif/viewer?StudyInstanceUIDs=1.2", "/ohif/viewer?StudyInstanceUIDs=1.2"],
  ])("keeps %s", (path, expected) => expect(safeReturnPath(path, ORIGIN)).toBe(expected));

  it.each([
    undefined,
    "",
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "javascript:alert(1)",
    "/sign-in",
  ])("refuses %s", (path) => expect(safeReturnPath(path, ORIGIN)).toBe("/"));
});
