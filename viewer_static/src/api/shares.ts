/** Shares: studies given for a time by a link, to a colleague or to a hospital. */

import { queryOptions } from "@tanstack/react-query";
import { request, requestJson } from "./http";
import type { Session } from "./session";

export type ShareKind = "link" | "user" | "hospital";
export type ShareState = "live" | "expired" | "revoked" | "used-up" | "locked";

export interface SharedStudy {
  hospital: string;
  study_instance_uid: string;
  series: string[];
  patient_name: string;
  study_date: string;
  description: string;
  modalities: string[];
}

interface Terms {
  message: string;
  reports: boolean;
  download: boolean;
  expires_at: string;
}

export interface Share extends Terms {
  id: string;
  kind: ShareKind;
  recipient: string;
  label: string;
  studies: SharedStudy[];
  created_at: string;
  state: ShareState;
  uses: number;
  maximum_uses: number;
  has_passcode: boolean;
}

export interface NewShare extends Share {
  /** Of the link; shown this once. */
  url?: string;
}

export interface ReceivedShare extends Terms {
  id: string;
  from: { name: string; hospital: string };
  kind: ShareKind;
  studies: SharedStudy[];
}

export interface ShareRequest {
  studies: { study_instance_uid: string; series?: string[] }[];
  kind: ShareKind;
  recipient?: string;
  label?: string;
  message?: string;
  reports: boolean;
  download: boolean;
  days: number;
  maximum_uses?: number;
  passcode?: string;
}

export interface SharePreview extends Terms {
  state: ShareState;
  from: { name: string; hospital: string };
  exams: { study_date: string; modalities: string[] }[];
  has_passcode: boolean;
}

/** Who shares, and where: hospitals often are part of the name that their staff sign in with. */
export function sharer({ name, hospital }: { name: string; hospital: string }): string {
  return hospital && !name.includes(hospital) ? `${name}, ${hospital}` : name;
}

function post<T>(path: string, body: unknown): Promise<T> {
  return requestJson<T>(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

export const makeShare = (wanted: ShareRequest) => post<NewShare>("/api/shares", wanted);
export const openShare = (token: string, passcode: string) =>
  post<Session>("/api/share-session", { token, ...(passcode ? { passcode } : {}) });

export async function revokeShare(id: string): Promise<void> {
  await request(`/api/shares/${encodeURIComponent(id)}`, { method: "DELETE" });
}

export const sharesQuery = queryOptions({
  queryKey: ["shares"],
  queryFn: async ({ signal }) => (await requestJson<{ shares: Share[] }>("/api/shares", { signal })).shares,
});

export function shareUsesQuery(id: string) {
  return queryOptions({
    queryKey: ["shares", id],
    queryFn: async ({ signal }) => {
      const path = `/api/shares/${encodeURIComponent(id)}`;
      return (await requestJson<{ opened: { at: string; network: string }[] }>(path, { signal })).opened;
    },
  });
}

export const receivedSharesQuery = queryOptions({
  queryKey: ["received-shares"],
  queryFn: async ({ signal }) =>
    (await requestJson<{ shares: ReceivedShare[] }>("/api/received-shares", { signal })).shares,
  refetchInterval: 60_000,
});

export function sharePreviewQuery(token: string) {
  return queryOptions({
    queryKey: ["share-preview", token],
    queryFn: () => post<SharePreview>("/api/share-preview", { token }),
    retry: false,
  });
}
