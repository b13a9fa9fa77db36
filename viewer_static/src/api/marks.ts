/** What a hospital keeps back of its own studies: from the patient until it was announced, or from other places. */

import { queryOptions } from "@tanstack/react-query";
import { request, requestJson } from "./http";

export type MarkKind = "delayed" | "masked" | "private";

export interface Mark {
  id: string;
  kind: MarkKind;
  of: "study" | "reports" | "series" | "instance";
  series: string;
  instance: string;
  announcer: string;
  set_by: string;
  set_at: string;
  until: string | null;
  is_live: boolean;
  lifted_by: string;
  lifted_at: string | null;
}

export interface MarkRequest {
  kind: MarkKind;
  reports?: boolean;
  series?: string;
  instance?: string;
  /** Day, YYYY-MM-DD. */
  until?: string;
  announcer?: string;
}

const marksOf = (study: string) => `/api/studies/${encodeURIComponent(study)}/marks`;

export function marksQuery(study: string) {
  return queryOptions({
    queryKey: ["marks", study],
    queryFn: async ({ signal }) => (await requestJson<{ marks: Mark[] }>(marksOf(study), { signal })).marks,
  });
}

export function setMark(study: string, wanted: MarkRequest): Promise<Mark> {
  return requestJson<Mark>(marksOf(study), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(wanted),
  });
}

export async function liftMark(study: string, mark: string): Promise<void> {
  await request(`${marksOf(study)}/${encodeURIComponent(mark)}`, { method: "DELETE" });
}
