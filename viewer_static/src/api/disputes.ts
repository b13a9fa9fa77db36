/** Contested lines of invoices. */

import { queryOptions } from "@tanstack/react-query";
import { requestJson } from "./http";

export const REASONS = ["not-ours", "duplicate", "not-archived", "wrong-kind", "other"] as const;
export type DisputeState = "open" | "accepted" | "refused";

export interface Dispute {
  id: string;
  hospital: string;
  invoice: string;
  /** Month of the exam, YYYY-MM. */
  period: string;
  accession_number: string;
  reason: (typeof REASONS)[number];
  state: DisputeState;
  history: { state: DisputeState; at: string; by: string; text: string }[];
  credit_note: string | null;
  /** Amount with VAT, decimal number. */
  credited: string | null;
}

export interface NewDispute {
  invoice: string;
  accession_number: string;
  reason: Dispute["reason"];
  text: string;
}

/** Contested lines of a hospital, the latest first. */
export function disputesQuery(hospital: string) {
  return queryOptions({
    queryKey: ["disputes", hospital],
    queryFn: async ({ signal }) => {
      const parameters = new URLSearchParams({ hospital });
      return (await requestJson<{ disputes: Dispute[] }>(`/api/disputes?${parameters}`, { signal })).disputes;
    },
    enabled: hospital !== "",
  });
}

export function contestLine(wanted: NewDispute): Promise<Dispute> {
  return post("/api/disputes", wanted);
}

export function decideDispute(dispute: Dispute, outcome: "accepted" | "refused", text: string): Promise<Dispute> {
  const path = `/api/disputes/${encodeURIComponent(dispute.id)}/decision`;
  return post(path, { hospital: dispute.hospital, outcome, text });
}

function post(path: string, content: object): Promise<Dispute> {
  const headers = { "Content-Type": "application/json" };
  return requestJson<Dispute>(path, { method: "POST", headers, body: JSON.stringify(content) });
}
