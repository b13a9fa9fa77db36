import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { qrCode } from "./qr_code";

const digest = (modules: boolean[][]) =>
  createHash("sha256")
    .update(modules.map((row) => row.map(Number).join("")).join("\n"))
    .digest("hex")
    .slice(0, 16);

// Text, modules a side, digest of what ReportLab's encoder draws with mask 3.
const DRAWN_BY_ANOTHER: [string, number, string][] = [
  ["a", 21, "8503acd70f562cac"],
  ["https://sansfilm.example/partage#abc", 29, "3796dc1fd8270c74"],
  ["x".repeat(150), 49, "dd8bc6552402d546"],
  ["y".repeat(213), 57, "6e67170b9a2b2407"],
];

describe("QR codes", () => {
  it.each(DRAWN_BY_ANOTHER)("are those of another encoder: %s", (text, size, expected) => {
    const modules = qrCode(text, 3);
    expect(modules.length).toBe(size);
    expect(digest(modules)).toBe(expected);
  });

  it("have the mask that is easiest to read, and a limit", () => {
    expect(qrCode("a").length).toBe(21);
    expect(() => qrCode("a".repeat(214))).toThrow(RangeError);
  });
});
