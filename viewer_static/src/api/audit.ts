import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { request, requestJson } from "./http";

export interface AuditEvent {
  key: string;
  /** Hospital whose trail it is in, or _region. */
  chain: string;
  when: string;
  action: string;
  outcome: "success" | "refused" | "failed";
  who: { subject: string; name: string; role: string; hospital: string; address?: string; organization?: string };
  hospital: string;
  patient: { hospital: string; patient_id: string; issuer: string } | null;
  study_instance_uid: string;
  detail: Record<string, string | number | boolean>;
}

export interface AuditedStudy {
  hospital: string;
  study_instance_uid: string;
  study_date: string;
  description: string;
  modalities: string[];
}

export interface AuditPage {
  events: AuditEvent[];
  before: string | null;
  hospitals: Record<string, string>;
  studies: AuditedStudy[];
}

export interface AuditState {
  chain: string;
  blocks: number;
  sealed_at: string | null;
  anchored_day: string | null;
  verified: { at: string; blocks: number; from_block: number; problems: string[] } | null;
}

export interface AuditSearch {
  hospital: string;
  patient_id: string;
  study: string;
  subject: string;
  from: string;
  to: string;
}

/** Who looked at the patient's own exams. */
export const ownTrailQuery = infiniteQueryOptions({
  queryKey: ["own-trail"],
  queryFn: ({ signal, pageParam }) => requestJson<AuditPage>(`/api/my/audit-events${before(pageParam)}`, { signal }),
  initialPageParam: "",
  getNextPageParam: (page: AuditPage) => page.before ?? undefined,
});

export function trailQuery(search: AuditSearch) {
  return infiniteQueryOptions({
    queryKey: ["trail", search],
    queryFn: ({ signal, pageParam }) =>
      requestJson<AuditPage>(`/api/audit-events${parameters({ ...search, before: pageParam })}`, { signal }),
    initialPageParam: "",
    getNextPageParam: (page: AuditPage) => page.before ?? undefined,
    enabled: search.hospital !== "",
    staleTime: 30_000,
  });
}

export function trailStateQuery(hospital: string) {
  return queryOptions({
    queryKey: ["trail-state", hospital],
    queryFn: ({ signal }) => requestJson<AuditState>(`/api/audit-state${parameters({ hospital })}`, { signal }),
    enabled: hospital !== "",
  });
}

/** The same search as a document for a spreadsheet. */
export async function fetchTrailCsv(search: AuditSearch): Promise<Blob> {
  return (await request(`/api/audit-events${parameters({ ...search, format: "csv" })}`)).blob();
}

export function fetchReceipt(event: AuditEvent): Promise<object> {
  const path = `/api/audit-events/${encodeURIComponent(event.key)}/receipt`;
  return requestJson<object>(`${path}${parameters({ hospital: event.chain })}`);
}

/** The heads of all chains on a day, as they lie in the object that nobody can change. */
export function fetchAnchor(day: string): Promise<unknown> {
  return requestJson<unknown>(`/api/audit-anchors/${encodeURIComponent(day)}`);
}

function before(key: string): string {
  return parameters({ before: key });
}

function parameters(values: Record<string, string>): string {
  const given = Object.entries(values).filter(([, value]) => value !== "");
  return given.length > 0 ? `?${new URLSearchParams(given)}` : "";
}
