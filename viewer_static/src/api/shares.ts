/** Shares: studies given for a time by a link, to a colleague or to a hospital. */

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { request, requestJson } from "./http";
import type { Session } from "./session";

export type ShareKind = "link" | "professional" | "user" | "hospital";
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
  /** Two digits of the phone that a one-time password goes to, or none. */
  phone_number_ends_in: string;
  /** It ends with the access that the patient gave its maker. */
  under_access: boolean;
  revoked_by: "" | "maker" | "patient" | "hospital" | "operator" | "grant";
}

/** A share as those see it whose exams it gives. */
export interface ShareOfOthers extends Omit<Terms, "message"> {
  id: string;
  kind: ShareKind;
  from: { name: string; hospital: string };
  recipient: string;
  studies: SharedStudy[];
  created_at: string;
  state: ShareState;
  uses: number;
  is_own: boolean;
}

/** A share without images or names, for the region's operator. */
export interface OperatedShare extends Omit<Terms, "message"> {
  id: string;
  kind: ShareKind;
  created_at: string;
  state: ShareState;
  uses: number;
  hospitals: string[];
  study_count: number;
}

/** The link was opened, or somebody by name used what was shared. */
export interface ShareUse {
  at: string;
  network: string;
  who: string;
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
  studies: { study_instance_uid: string; hospital?: string; series?: string[] }[];
  kind: ShareKind;
  recipient?: string;
  label?: string;
  message?: string;
  reports: boolean;
  download: boolean;
  days: number;
  maximum_uses?: number;
  passcode?: string;
  phone_number?: string;
}

export interface SharePreview extends Terms {
  state: ShareState;
  from: { name: string; hospital: string };
  exams: { study_date: string; modalities: string[] }[];
  has_passcode: boolean;
  has_one_time_password: boolean;
  phone_number_ends_in: string;
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

/** Has a one-time password sent; answers the same whether link and passcode are right or not. */
export const beginOpening = (token: string, passcode: string) =>
  post<{ challenge: string; expires_in_s: number }>("/api/share-challenge", {
    token,
    ...(passcode ? { passcode } : {}),
  });
export const finishOpening = (challenge: string, one_time_password: string) =>
  post<Session>("/api/share-session/one-time-password", { challenge, one_time_password });

async function end(list: string, id: string): Promise<void> {
  await request(`${list}/${encodeURIComponent(id)}`, { method: "DELETE" });
}

const atHospital = (hospital: string) => `/api/hospitals/${encodeURIComponent(hospital)}/shares`;

export const revokeShare = (id: string) => end("/api/shares", id);
export const endMyShare = (id: string) => end("/api/my/shares", id);
export const endHospitalShare = (hospital: string, id: string) => end(atHospital(hospital), id);
export const endOperatedShare = (id: string) => end("/api/operations/shares", id);

export const readOperatedShare = (id: string) =>
  requestJson<OperatedShare>(`/api/operations/shares/${encodeURIComponent(id)}`);

/** Live shares that open the patient's own exams. */
export const mySharesQuery = queryOptions({
  queryKey: ["my-shares"],
  queryFn: async ({ signal }) => (await requestJson<{ shares: ShareOfOthers[] }>("/api/my/shares", { signal })).shares,
});

/** Live shares of a hospital's exams, page by page. */
export function hospitalSharesQuery(hospital: string) {
  return infiniteQueryOptions({
    queryKey: ["hospital-shares", hospital],
    queryFn: ({ signal, pageParam }) => {
      const parameters = pageParam ? `?${new URLSearchParams({ before: pageParam })}` : "";
      return requestJson<{ shares: ShareOfOthers[]; next: string }>(atHospital(hospital) + parameters, { signal });
    },
    initialPageParam: "",
    getNextPageParam: (last) => last.next || undefined,
  });
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
      return (await requestJson<{ opened: ShareUse[] }>(path, { signal })).opened;
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
