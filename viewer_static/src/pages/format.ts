/** An RFC 3339 time, or milliseconds since the epoch, as a local date and time; other text stays as it is. */
export function readableInstant(value: string | number, language: string): string {
  const date = typeof value === "number" || /^\d{10,}$/.test(value) ? new Date(Number(value)) : new Date(value);
  if (Number.isNaN(date.getTime())) return String(value);
  return new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "medium" }).format(date);
}

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** A size in the reader's units: 1,5 Mo in French, 1.5 MB in English. */
export function readableBytes(bytes: number, language: string): string {
  const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), UNITS.length - 1);
  const format = { style: "unit", unit: UNITS[step], unitDisplay: "short", maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(language, format).format(bytes / 1000 ** step);
}

/** A day, given as YYYY-MM-DD. */
export function readableDay(text: string, language: string): string {
  const day = new Date(`${text}T12:00:00`);
  return Number.isNaN(day.getTime()) ? text : new Intl.DateTimeFormat(language, { dateStyle: "short" }).format(day);
}

/** The day in Paris of an RFC 3339 time. */
export function readableParisDay(value: string, language: string): string {
  const format = { dateStyle: "short", timeZone: "Europe/Paris" } as const;
  return new Intl.DateTimeFormat(language, format).format(new Date(value));
}

/** An amount in euros, given as a decimal number: at least two decimals, and those that it has. */
export function readableAmount(text: string, language: string): string {
  const format = { style: "currency", currency: "EUR", maximumFractionDigits: 6 } as const;
  return new Intl.NumberFormat(language, format).format(Number(text));
}

/** The current month as YYYY-MM. */
export function thisMonth(now = new Date()): string {
  return `${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, "0")}`;
}

/** The last day in Paris before an RFC 3339 time at which something ends. */
export function lastDay(endsAt: string, language: string): string {
  return readableParisDay(new Date(new Date(endsAt).getTime() - 1000).toISOString(), language);
}
