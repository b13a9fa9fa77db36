import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { requestJson } from "./http";

export interface LedgerLine {
  seq: number;
  event: string;
  study_instance_uid: string;
  accession_number: string;
  hospital: string;
  event_time: string;
  recorded_at: string;
  hash: string;
  previous_hash: string;
}

interface LedgerPage {
  lines: LedgerLine[];
  next_after: number | null;
}

/** Amounts are decimal numbers as text: they are shown, never added up here. */
export interface Statement {
  is_over: boolean;
  price_list: string;
  lines: {
    item: string;
    label_fr: string;
    label_en: string;
    quantity: number;
    unit_price: string;
    per: number;
    amount: string;
    /** Earlier month that it adjusts, or "". */
    period: string;
    /** Exams that it adjusts. */
    detail: string;
  }[];
  vat: { rate: string; base: string; amount: string }[];
  total_without_vat: string;
  total: string;
}

/** What a hospital owes for a month (YYYY-MM). */
export function statementQuery(hospital: string, period: string) {
  return queryOptions({
    queryKey: ["statement", hospital, period],
    queryFn: ({ signal }) =>
      requestJson<Statement>(`/api/statement?${new URLSearchParams({ hospital, period })}`, { signal }),
    enabled: hospital !== "",
  });
}

export interface Invoice {
  number: string;
  kind: "invoice" | "credit-note";
  /** Number of the invoice that a credit note corrects. */
  corrects: string | null;
  period: string;
  issued_on: string;
  due_on: string | null;
  total_without_vat: string;
  total: string;
  documents: string[];
}

/** Invoices of a hospital, the latest month first. */
export function invoicesQuery(hospital: string) {
  return queryOptions({
    queryKey: ["invoices", hospital],
    queryFn: ({ signal }) =>
      requestJson<{ invoices: Invoice[] }>(`/api/invoices?${new URLSearchParams({ hospital })}`, { signal }),
    enabled: hospital !== "",
  });
}

/** Lines of a hospital's ledger for a month (YYYY-MM), page after page. */
export function ledgerQuery(hospital: string, period: string) {
  return infiniteQueryOptions({
    queryKey: ["ledger", hospital, period],
    queryFn: ({ pageParam, signal }) => {
      const parameters = new URLSearchParams({ hospital, period, ...(pageParam ? { after: String(pageParam) } : {}) });
      return requestJson<LedgerPage>(`/api/ledger?${parameters}`, { signal });
    },
    initialPageParam: 0,
    getNextPageParam: (page) => page.next_after,
    enabled: hospital !== "",
  });
}
