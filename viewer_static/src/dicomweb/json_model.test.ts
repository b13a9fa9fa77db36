import { describe, expect, it } from "vitest";
import { ageInYears, type DicomJson, day, personName, readableDay, readableTime, Tag } from "./json_model";

const named = (value: object | string): DicomJson => ({ [Tag.PatientName]: { vr: "PN", Value: [value] } }) as DicomJson;

describe("personName", () => {
  it.each([
    [{ Alphabetic: "Lefèvre^Anne-Marie" }, "Lefèvre Anne-Marie"],
    [{ Alphabetic: "Moreau^Claire^Jeanne^Dr^PhD" }, "Dr Moreau Claire Jeanne PhD"],
    [{ Alphabetic: "Yamada^Tarou", Ideographic: "山田^太郎" }, "Yamada Tarou (山田 太郎)"],
    [{ Ideographic: "山田^太郎" }, "山田 太郎"],
    ["Old^Form", "Old Form"],
  ])("%o", (value, expected) => expect(personName(named(value), Tag.PatientName)).toBe(expected));

  it.each([{}, { [Tag.PatientName]: { vr: "PN" } }, { [Tag.PatientName]: { vr: "PN", Value: [null] } }])(
    "is empty without a name",
    (dataset) => expect(personName(dataset, Tag.PatientName)).toBe(""),
  );
});

describe("dates", () => {
  it("reads the forms of DA that occur", () => {
    expect(day("20240229")).toEqual(new Date(2024, 1, 29));
    expect(day("2024.02.29")).toEqual(new Date(2024, 1, 29));
  });

  it.each(["", "2024", "20230229", "20241301", "abcdefgh"])("%s is no day", (text) =>
    expect(day(text)).toBeUndefined(),
  );

  it("shows what is no day as it came", () => expect(readableDay("1962", "fr")).toBe("1962"));

  it.each([
    ["20260224", 45],
    ["20260223", 44],
  ])("counts birthdays on %s", (on, years) => {
    expect(ageInYears("19810224", day(on) as Date)).toBe(years);
  });

  it.each([
    ["101530.25", "10:15"],
    ["10:15:30", "10:15"],
    ["", ""],
    ["1", ""],
  ])("time %s", (tm, expected) => expect(readableTime(tm)).toBe(expected));
});
