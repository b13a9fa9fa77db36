import { queryOptions } from "@tanstack/react-query";
import { request, requestJson } from "./http";
import type { Session } from "./session";

export interface CodeState {
  has_code: boolean;
  patient_id: string;
  issuer: string;
  handed_over_at?: string;
  expires_at?: string;
  phone_number_ends_in: string;
}

export interface HandedOver {
  code: string;
  /** PDF in base64. */
  sheet_pdf: string;
  expires_at: string;
}

export interface AccessGrant {
  id: string;
  basis: "code" | "care" | "emergency";
  professional: string;
  hospital: string;
  patient_id: string;
  granted_at: string;
  expires_at: string;
}

function send<T>(path: string, method: "POST" | "PUT", body: object): Promise<T> {
  return requestJson<T>(path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

export const MEANS = ["sms", "totp", "printed"] as const;
/** What one shows besides the code: a message, an authenticator application, a printed list. */
export type Means = (typeof MEANS)[number];

/** First step of a patient: answers the same whether right or wrong, and whatever the patient has. */
export function beginPatientSignIn(code: string, birth_date: string, means: Means) {
  const body = { code, birth_date, means };
  return send<{ challenge: string; expires_in_s: number }>("/api/patient-session", "POST", body);
}

export function finishPatientSignIn(challenge: string, one_time_password: string) {
  return send<Session>("/api/patient-session/one-time-password", "POST", { challenge, one_time_password });
}

function codePath(patientId: string, issuer: string): string {
  const parameters = issuer ? `?${new URLSearchParams({ issuer })}` : "";
  return `/api/patient-codes/${encodeURIComponent(patientId)}${parameters}`;
}

export function readCodeState(patientId: string, issuer: string): Promise<CodeState> {
  return requestJson<CodeState>(codePath(patientId, issuer));
}

export function handOverCode(body: { patient_id: string; issuer: string; birth_date: string; patient_name: string }) {
  return send<HandedOver>("/api/patient-codes", "POST", body);
}

export async function revokeCode(patientId: string, issuer: string): Promise<void> {
  await request(codePath(patientId, issuer), { method: "DELETE" });
}

export function registerContact(
  hospital: string,
  patientId: string,
  body: { phone_number: string; consent: boolean; issuer?: string },
) {
  const path = `/api/hospitals/${encodeURIComponent(hospital)}/contacts/${encodeURIComponent(patientId)}`;
  return send<object>(path, "PUT", body);
}

export function presentCode(code: string, birth_date: string): Promise<AccessGrant> {
  return send<AccessGrant>("/api/access-grants", "POST", { code, birth_date });
}

export const accessGrantsQuery = queryOptions({
  queryKey: ["access-grants"],
  queryFn: async ({ signal }) =>
    (await requestJson<{ access_grants: AccessGrant[] }>("/api/access-grants", { signal })).access_grants,
});

/** Has an access end on a day (YYYY-MM-DD) that comes before its end. */
export function shortenAccess(id: string, until: string): Promise<AccessGrant> {
  return send<AccessGrant>(`/api/access-grants/${id}`, "PUT", { until });
}

export async function endAccess(id: string): Promise<void> {
  await request(`/api/access-grants/${id}`, { method: "DELETE" });
}
