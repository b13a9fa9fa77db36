import { describe, expect, it } from "vitest";
import { canonical, problemsOfReceipt } from "./receipt";
import receipt from "./receipt_example.json";

const anchor = {
  day: receipt.anchor.day,
  chains: { [receipt.blocks[0]?.chain ?? ""]: { seq: receipt.anchor.seq, hash: receipt.anchor.hash } },
};

describe("a receipt that the archive made", () => {
  it("is right, with its anchor too", async () => {
    expect(await problemsOfReceipt(receipt)).toEqual([]);
    expect(await problemsOfReceipt(receipt, anchor)).toEqual([]);
  });
  it("is wrong when anything of it was changed", async () => {
    const changed = structuredClone(receipt);
    changed.event.who.display_name = "Somebody else";
    expect(await problemsOfReceipt(changed)).toEqual(["event"]);
    const reordered = structuredClone(receipt);
    reordered.blocks.reverse();
    expect(await problemsOfReceipt(reordered)).toContain("chain");
    const later = structuredClone(receipt);
    later.anchor.seq += 1;
    expect(await problemsOfReceipt(later)).toEqual(["anchor"]);
    expect(await problemsOfReceipt(receipt, { chains: {} })).toEqual(["other-anchor"]);
    expect(await problemsOfReceipt({ a: 1 })).toEqual(["unreadable"]);
  });
});

it("writes JSON as the archive hashes it", () => {
  expect(canonical({ b: 1, a: "é\u007f", "": [true, null] })).toBe('{"":[true,null],"a":"\\u00e9\\u007f","b":1}');
});
