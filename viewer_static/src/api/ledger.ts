import { infiniteQueryOptions } from "@tanstack/react-query";
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
