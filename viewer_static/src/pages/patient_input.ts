/** What patients type: their code and their birth date, read tolerantly, undefined where it cannot be one. */

const ALPHABET = /^[0-9A-HJKMNP-TV-Z]{10}$/;

/** Ten characters; the letters O, I and L stand for the digits that they look like. */
export function readCode(text: string): string | undefined {
  const characters = text
    .replace(/[\s\-\u2010-\u2015_.]/g, "")
    .toUpperCase()
    .replaceAll("O", "0")
    .replace(/[IL]/g, "1");
  return ALPHABET.test(characters) ? characters : undefined;
}

/** A code as it is printed: two groups of five. */
export function shownCode(characters: string): string {
  return `${characters.slice(0, 5)}-${characters.slice(5)}`;
}

/** Day, month, year with anything between them, as YYYY-MM-DD. */
export function readBirthDate(text: string): string | undefined {
  const found = /^\s*(\d{1,2})\D+(\d{1,2})\D+(\d{4})\s*$/.exec(text) ?? /^\s*(\d{2})(\d{2})(\d{4})\s*$/.exec(text);
  if (!found) return undefined;
  const [day, month, year] = found.slice(1).map(Number) as [number, number, number];
  const date = new Date(Date.UTC(year, month - 1, day));
  const exists = date.getUTCDate() === day && date.getUTCMonth() === month - 1;
  return exists && year >= 1875 && date.getTime() <= Date.now() ? date.toISOString().slice(0, 10) : undefined;
}

/** Eight characters of a printed list, read like a code. */
export function readPrintedCode(text: string): string | undefined {
  const characters = text
    .replace(/[\s\-\u2010-\u2015_.]/g, "")
    .toUpperCase()
    .replaceAll("O", "0")
    .replace(/[IL]/g, "1");
  return /^[0-9A-HJKMNP-TV-Z]{8}$/.test(characters) ? characters : undefined;
}

/** The digits of a one-time password. */
export function readOneTimePassword(text: string): string | undefined {
  const digits = text.replace(/\s/g, "");
  return /^\d{6}$/.test(digits) ? digits : undefined;
}

/** Whether somebody born on a day (YYYY-MM-DD) is under 18. */
export function isMinor(birthDate: string, now = new Date()): boolean {
  const [year, month, day] = birthDate.split("-").map(Number) as [number, number, number];
  return new Date(year + 18, month - 1, day) > now;
}
