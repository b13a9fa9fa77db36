import { expect, it } from "vitest";
import type { DashboardMonth } from "../api/dashboard";
import { daysOf, examsByDay, growthOf } from "./dashboard_values";

function month(period: string, days: [string, number, string][]): DashboardMonth {
  return {
    period,
    days: days.map(([day, exams, price]) => ({ day, exams, price, bytes_in: 0, estimated_cost: "0" })),
  } as unknown as DashboardMonth;
}

it("knows the days of a month", () => {
  expect(daysOf("2028-02")).toHaveLength(29);
  expect(daysOf("2026-12").at(-1)).toBe("2026-12-31");
});

it("counts days without exams", () => {
  const found = examsByDay([month("2026-11", [["2026-11-02", 3, "1"]]), month("2026-10", [["2026-10-30", 1, "1"]])]);
  expect(found.days).toEqual(["2026-10-30", "2026-10-31", "2026-11-01", "2026-11-02"]);
  expect(found.exams).toEqual([1, 0, 0, 3]);
  expect(examsByDay([]).days).toEqual([]);
});

it("goes on from today to what is expected, between its bounds", () => {
  const october = month("2026-10", [
    ["2026-10-01", 1, "10"],
    ["2026-10-28", 1, "5"],
  ]);
  const forecast = {
    method: "mean",
    days_seen: 28,
    price: "18.00",
    low: "16.00",
    high: "20.00",
    days: [1, 1, 1],
  } as const;
  const found = growthOf(october, { ...forecast, days: [...forecast.days] });
  expect(found.actual[27]).toBe(15);
  expect(found.actual[28]).toBeNull();
  expect(found.expected.slice(26)).toEqual([null, 15, 16, 17, 18]);
  expect(found.low[30]).toBeCloseTo(16);
  expect(found.high[30]).toBeCloseTo(20);
});
