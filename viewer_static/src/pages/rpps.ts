/** RPPS numbers of health professionals, as they are typed. */

/** Eleven digits, whatever separates them, the type 8 before them left out; undefined for anything else. */
export function readRpps(text: string): string | undefined {
  return /^8?(\d{11})$/.exec(text.replace(/[\s.\-\u2010-\u2015]/g, ""))?.[1];
}

/** Whether the last digit is the Luhn key of the others, as most numbers' is: where it is not, a digit may be wrong. */
export function hasUsualKey(number: string): boolean {
  const sum = [...number].reverse().reduce((total, character, place) => {
    const digit = Number(character) * (1 + (place % 2));
    return total + (digit > 9 ? digit - 9 : digit);
  }, 0);
  return sum % 10 === 0;
}
