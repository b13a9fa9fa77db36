import { expect, it } from "vitest";
import { readBirthDate, readCode, readOneTimePassword, readPrintedCode, shownCode } from "./patient_input";

it.each([" 7k4mp 2xr9l ", "7K4MP-2XR91", "7K4MP–2XR9I", "7K4MP2XR91"])("reads the code %s", (text) => {
  expect(readCode(text)).toBe("7K4MP2XR91");
});

it.each(["", "7K4MP-2XR9", "7K4MP-2XR9U", "7K4MP-2XR911"])("refuses the code %s", (text) => {
  expect(readCode(text)).toBeUndefined();
});

it("shows a code in two groups", () => {
  expect(shownCode("7K4MP2XR91")).toBe("7K4MP-2XR91");
});

it.each(["01/02/1976", "1/2/1976", "01021976", "1.2.1976", " 01 02 1976 "])("reads the birth date %s", (text) => {
  expect(readBirthDate(text)).toBe("1976-02-01");
});

it.each(["", "1976", "31/02/1976", "01/13/1976", "01/02/2999", "01/02/76"])("refuses the birth date %s", (text) => {
  expect(readBirthDate(text)).toBeUndefined();
});

it("reads six digits", () => {
  expect(readOneTimePassword("012 345")).toBe("012345");
  expect(readOneTimePassword("12345")).toBeUndefined();
});

it("reads a code of a printed list", () => {
  expect(readPrintedCode(" 7k4m-2xr9 ")).toBe("7K4M2XR9");
  expect(readPrintedCode("O0il2xr9")).toBe("00112XR9");
  expect(readPrintedCode("123456")).toBeUndefined();
});
