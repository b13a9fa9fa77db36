import { describe, expect, it } from "vitest";
import type { DicomJson } from "./json_model";
import { NO_CRITERIA, studyParameters } from "./qido";
import { framesOf, kindOfInstance, kindOfSeries, renderedUrl } from "./wado";

const instance = (uid: string, sopClass: string, more: DicomJson = {}): DicomJson => ({
  "00080016": { vr: "UI", Value: [sopClass] },
  "00080018": { vr: "UI", Value: [uid] },
  ...more,
});
const rows: DicomJson = { "00280010": { vr: "US", Value: [64] } };
const frames = (count: number): DicomJson => ({ ...rows, "00280008": { vr: "IS", Value: [count] } });

describe("frames of a series", () => {
  it("counts those of multi-frame instances from 1 and leaves out what is no image", () => {
    const found = framesOf([
      instance("1", "CT", rows),
      instance("2", "US", frames(2)),
      instance("3", "1.2.840.10008.5.1.4.1.1.88.11"),
    ]);
    expect(found).toEqual([
      { sopInstanceUid: "1", frameNumber: undefined },
      { sopInstanceUid: "2", frameNumber: 1 },
      { sopInstanceUid: "2", frameNumber: 2 },
    ]);
  });

  it("asks for a frame under a window", () => {
    const url = renderedUrl("1", "2", { sopInstanceUid: "3", frameNumber: 7 }, 512, { center: 40, width: 400 });
    expect(url).toBe(
      "/dicomweb/studies/1/series/2/instances/3/frames/7/rendered?viewport=512,512&quality=85&window=40,400,linear",
    );
  });
});

describe("kinds", () => {
  it.each([
    ["1.2.840.10008.5.1.4.1.1.104.1", {}, "pdf"],
    ["1.2.840.10008.5.1.4.1.1.88.33", {}, "structured-report"],
    ["1.2.840.10008.5.1.4.1.1.2", rows, "image"],
    ["1.2.840.10008.5.1.4.1.1.66", {}, "other"],
  ])("instance of %s", (sopClass, more, kind) => expect(kindOfInstance(instance("1", sopClass, more))).toBe(kind));

  it.each([
    ["CT", "images"],
    ["SR", "documents"],
    ["PR", "other"],
    ["", "images"],
  ])("series of %s", (modality, kind) => {
    expect(kindOfSeries({ "00080060": { vr: "CS", Value: [modality] } })).toBe(kind);
  });
});

describe("worklist criteria", () => {
  it("match names by the beginnings of their words", () => {
    const parameters = studyParameters({ ...NO_CRITERIA, patientName: " lefèvre anne " });
    expect(Object.fromEntries(parameters)).toEqual({ PatientName: "lefèvre anne", fuzzymatching: "true" });
  });

  it.each([
    ["2026-11-01", "", "20261101-"],
    ["", "2026-11-30", "-20261130"],
    ["2026-11-01", "2026-11-30", "20261101-20261130"],
  ])("days %s to %s", (firstDay, lastDay, expected) => {
    expect(studyParameters({ ...NO_CRITERIA, firstDay, lastDay }).get("StudyDate")).toBe(expected);
  });
});
