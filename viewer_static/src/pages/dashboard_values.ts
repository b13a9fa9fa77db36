import type { Dashboard, DashboardMonth } from "../api/dashboard";

/** Days of a month, given as YYYY-MM. */
export function daysOf(period: string): string[] {
  const [year, month] = period.split("-").map(Number) as [number, number];
  const count = new Date(Date.UTC(year, month, 0)).getUTCDate();
  return Array.from({ length: count }, (_, index) => `${period}-${String(index + 1).padStart(2, "0")}`);
}

/** Exams of each day from the first that has one, of the latest months. */
export function examsByDay(months: DashboardMonth[]): { days: string[]; exams: number[] } {
  const found = new Map(months.flatMap(({ days }) => days.map(({ day, exams }) => [day, exams] as const)));
  const known = [...found.keys()].sort();
  const [first, last] = [known[0], known[known.length - 1]];
  if (!first || !last) return { days: [], exams: [] };
  const periods = [...new Set(months.map(({ period }) => period))].sort();
  const days = periods.flatMap(daysOf).filter((day) => day >= first && day <= last);
  return { days, exams: days.map((day) => found.get(day) ?? 0) };
}

export interface Growth {
  days: string[];
  actual: (number | null)[];
  expected: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
}

/** The month's price as it grows, and as it is expected to go on: the bounds open from today to the month's end. */
export function growthOf(month: DashboardMonth, forecast: Dashboard["forecast"]): Growth {
  const days = daysOf(month.period);
  const today = days.length - forecast.days.length - 1;
  const priceOf = new Map(month.days.map(({ day, price }) => [day, Number(price)]));
  const found: Growth = { days, actual: [], expected: [], low: [], high: [] };
  let sum = 0;
  days.forEach((day, index) => {
    const ahead = index - today;
    sum += ahead > 0 ? (forecast.days[ahead - 1] ?? 0) : (priceOf.get(day) ?? 0);
    const share = ahead >= 0 && forecast.days.length > 0 ? Math.sqrt(ahead / forecast.days.length) : null;
    const bound = (end: string) =>
      share === null ? null : Math.max(0, sum + share * (Number(end) - Number(forecast.price)));
    found.actual.push(ahead <= 0 ? sum : null);
    found.expected.push(ahead >= 0 ? sum : null);
    found.low.push(bound(forecast.low));
    found.high.push(bound(forecast.high));
  });
  return found;
}
