import { queryOptions } from "@tanstack/react-query";
import { request, requestJson } from "./http";

/** Amounts are decimal numbers as text, in euros without VAT. */
export interface DashboardMonth {
  period: string;
  exams: number;
  price: string;
  cost: string;
  cost_is_estimated: boolean;
  corrections: string;
  margin: string;
  unallocated: string;
  stored_bytes: number;
  avoided: { films: number; discs: number; assumption_fr: string; assumption_en: string };
  days: { day: string; exams: number; bytes_in: number; price: string; estimated_cost: string }[];
  modalities: { modality: string; exams: number; price: string; cost: string; corrections: string; margin: string }[];
}

export interface Budget {
  amount: string;
  warn_percent: number;
}

export interface Dashboard {
  hospital: string;
  made_at: string;
  months: DashboardMonth[];
  forecast: {
    method: "holt-winters" | "mean" | "none";
    days_seen: number;
    price: string;
    low: string;
    high: string;
    days: number[];
  };
  budget: (Budget & { state: "ok" | "expected-to-pass" | "near" | "passed" }) | null;
}

/** A hospital's dashboard; without a hospital the region's, for its operator. */
export function dashboardQuery(hospital: string) {
  return queryOptions({
    queryKey: ["dashboard", hospital],
    queryFn: ({ signal }) =>
      requestJson<Dashboard>(`/api/dashboard${hospital ? `?${new URLSearchParams({ hospital })}` : ""}`, { signal }),
  });
}

export interface ExamCosts {
  price_list: string;
  valid_from: string;
  currency: string;
  euro_rate: string;
  unchecked: string[];
  exams: {
    accession_number: string;
    modalities: string[];
    recorded_at: string;
    instances: number;
    size_bytes: number;
    archiving: string;
    storage_month: string;
    first_year: string;
    first_year_euro: string;
    price: string;
    credit_note: string;
  }[];
}

export function examCostsQuery(hospital: string) {
  return queryOptions({
    queryKey: ["exam-costs", hospital],
    queryFn: ({ signal }) => requestJson<ExamCosts>(`/api/exam-costs?${new URLSearchParams({ hospital })}`, { signal }),
    enabled: hospital !== "",
  });
}

export interface Simulation {
  actual: { total_without_vat: string; lines: { item: string; quantity: number; amount: string }[] };
  simulated: { total_without_vat: string; lines: { item: string; quantity: number; amount: string }[] };
  difference: string;
}

/** What a month would cost if one item had another price. */
export function simulate(hospital: string, period: string, item: string, unitPrice: string): Promise<Simulation> {
  const body = JSON.stringify({ hospital, period, prices: [{ item, unit_price: unitPrice }] });
  return requestJson("/api/simulations", { method: "POST", headers: { "Content-Type": "application/json" }, body });
}

export async function putBudget(hospital: string, budget: Budget): Promise<void> {
  await request(`/api/hospitals/${encodeURIComponent(hospital)}/budget`, {
    method: "PUT",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(budget),
  });
}
