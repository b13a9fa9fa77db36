import { queryOptions } from "@tanstack/react-query";
import { request, requestJson } from "./http";

export const RELATIONS = ["parent", "guardian", "trusted-person"] as const;
export type Relation = (typeof RELATIONS)[number];

/** Somebody who acts for a patient. */
export interface Representative {
  id: string;
  name: string;
  relation: Relation;
  basis: string;
  phone_number_ends_in: string;
  registered_at: string;
  registered_by: string;
  /** The moment after the last day. */
  ends_at: string;
  may_be_ended_by_patient: boolean;
}

export interface ProxyRequest {
  identity_checked: boolean;
  birth_date: string;
  relation: Relation;
  name: string;
  basis: string;
  phone_number?: string;
  until?: string;
  patient_name?: string;
}

export interface ProxyCode {
  code: string;
  /** PDF in base64. */
  sheet_pdf: string;
  proxy: Representative;
}

export interface SecondFactors {
  phone_number_ends_in: string;
  totp: boolean;
  /** null without a list. */
  printed_codes_left: number | null;
}

/** Whose second factors are meant: one's own, or at the desk those of a patient or of one who acts for the patient. */
export interface Holder {
  patientId: string;
  issuer: string;
  proxyId?: string;
}

export const OWN = null;

function send<T>(path: string, method: "POST" | "PUT", body: object = {}): Promise<T> {
  return requestJson<T>(path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

function query(parameters: Record<string, string | undefined>): string {
  const given = Object.entries(parameters).filter((each): each is [string, string] => Boolean(each[1]));
  return given.length > 0 ? `?${new URLSearchParams(given)}` : "";
}

function proxiesPath(patientId: string, rest = ""): string {
  return `/api/proxies/${encodeURIComponent(patientId)}${rest}`;
}

export function proxiesQuery(patientId: string, issuer: string) {
  return queryOptions({
    queryKey: ["proxies", patientId, issuer],
    queryFn: async ({ signal }) =>
      (await requestJson<{ proxies: Representative[] }>(proxiesPath(patientId) + query({ issuer }), { signal }))
        .proxies,
  });
}

export const myProxiesQuery = queryOptions({
  queryKey: ["my-proxies"],
  queryFn: async ({ signal }) =>
    (await requestJson<{ proxies: Representative[] }>("/api/my/proxies", { signal })).proxies,
});

export function registerProxy(patientId: string, issuer: string, body: ProxyRequest) {
  return send<ProxyCode>(proxiesPath(patientId) + query({ issuer }), "POST", body);
}

export function renewProxyCode(patientId: string, issuer: string, proxyId: string, birthDate: string) {
  const path = proxiesPath(patientId, `/${proxyId}/codes`) + query({ issuer });
  return send<ProxyCode>(path, "POST", { identity_checked: true, birth_date: birthDate });
}

export async function endProxy(patientId: string, issuer: string, proxyId: string): Promise<void> {
  await request(proxiesPath(patientId, `/${proxyId}`) + query({ issuer }), { method: "DELETE" });
}

export async function endMyProxy(proxyId: string): Promise<void> {
  await request(`/api/my/proxies/${proxyId}`, { method: "DELETE" });
}

function factorsPath(holder: Holder | null, rest = ""): string {
  if (!holder) return `/api/my/second-factors${rest}`;
  const { patientId, issuer, proxyId } = holder;
  return `/api/second-factors/${encodeURIComponent(patientId)}${rest}${query({ issuer, proxy: proxyId })}`;
}

export function secondFactorsQuery(holder: Holder | null) {
  return queryOptions({
    queryKey: ["second-factors", holder],
    queryFn: ({ signal }) => requestJson<SecondFactors>(factorsPath(holder), { signal }),
  });
}

export function beginTotp(holder: Holder | null) {
  return send<{ secret: string; uri: string }>(factorsPath(holder, "/totp"), "POST");
}

export function confirmTotp(holder: Holder | null, one_time_password: string) {
  return send<SecondFactors>(factorsPath(holder, "/totp"), "PUT", { one_time_password });
}

export async function removeTotp(holder: Holder | null): Promise<void> {
  await request(factorsPath(holder, "/totp"), { method: "DELETE" });
}

export function printCodes(holder: Holder, holderName: string) {
  const body = { identity_checked: true, ...(holderName ? { holder_name: holderName } : {}) };
  return send<{ sheet_pdf: string }>(factorsPath(holder, "/printed-codes"), "POST", body);
}
