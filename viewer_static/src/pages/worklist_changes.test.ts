import { describe, expect, it } from "vitest";
import type { DicomJson } from "../dicomweb/json_model";
import { NOTHING_SEEN, observe, SETTLED_AFTER_MS } from "./worklist_changes";

const study = (uid: string, instances: number): DicomJson => ({
  "0020000D": { vr: "UI", Value: [uid] },
  "00201208": { vr: "IS", Value: [instances] },
});

describe("observe", () => {
  it("takes the first answer as the baseline", () => {
    const changes = observe(NOTHING_SEEN, [study("1", 10)], 0);
    expect([...changes.arrived, ...changes.receiving]).toEqual([]);
  });

  it("reports an arrival, and its reception until it settles", () => {
    const first = observe(NOTHING_SEEN, [study("1", 10)], 0);
    const second = observe(first, [study("2", 1), study("1", 10)], 4000);
    expect([...second.arrived]).toEqual(["2"]);
    expect([...second.receiving]).toEqual(["2"]);
    const grown = observe(second, [study("2", 80), study("1", 10)], 8000);
    expect([...grown.receiving]).toEqual(["2"]);
    const settled = observe(grown, [study("2", 80), study("1", 10)], 8000 + SETTLED_AFTER_MS);
    expect([...settled.receiving]).toEqual([]);
    expect([...settled.arrived]).toEqual(["2"]);
  });

  it("sees a known study that grows again", () => {
    const first = observe(NOTHING_SEEN, [study("1", 10)], 0);
    expect([...observe(first, [study("1", 11)], 4000).receiving]).toEqual(["1"]);
  });
});
