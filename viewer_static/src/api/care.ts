/** Exams in other hospitals: by a care relation, or in an emergency; and the patient's opposition. */

import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { request, requestJson } from "./http";

export interface PriorExam {
  study_instance_uid: string;
  study_date: string;
  description: string;
  modalities: string[];
}

export interface CareRelation {
  id: string;
  hospital: string;
  hospital_name: string;
  patient_id: string;
  declared_by: string;
  expires_at: string;
  is_open: boolean;
  exams: PriorExam[];
}

export interface PatientId {
  patient_id: string;
  issuer: string;
}

export interface Opposition {
  opposes: boolean;
  recorded_by: string;
  recorded_at: string | null;
}

export const REASONS = [
  "vital-emergency",
  "patient-cannot-answer",
  "urgent-transfer",
  "on-call-advice",
  "other",
] as const;
export type Reason = (typeof REASONS)[number];

export interface BreakGlassRequest {
  hospital: string;
  patient_id?: string;
  family_name?: string;
  given_name?: string;
  birth_date?: string;
  reason: Reason;
  explanation: string;
}

export interface BrokenGlass {
  id: string;
  patient_id: string;
  professional: string;
  professional_hospital: string;
  reason: Reason;
  explanation: string;
  at: string;
  expires_at: string;
  review: "open" | "justified" | "not-justified";
  reviewed_by: string;
  reviewed_at: string | null;
  comment: string;
}

function send<T>(path: string, method: "POST" | "PUT", body: object): Promise<T> {
  return requestJson<T>(path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

const query = ({ patient_id, issuer }: PatientId) =>
  new URLSearchParams({ patient_id, ...(issuer ? { issuer } : {}) }).toString();

export function careRelationsQuery(patient: PatientId) {
  return queryOptions({
    queryKey: ["care-relations", patient.patient_id, patient.issuer],
    queryFn: async ({ signal }) => {
      const path = `/api/care-relations?${query(patient)}`;
      return (await requestJson<{ care_relations: CareRelation[] }>(path, { signal })).care_relations;
    },
    staleTime: 60_000,
  });
}

/** Exams that another hospital has of the patient of a study in the worklist. */
export interface PriorsElsewhere {
  hospital: string;
  hospital_name: string;
  exams: number;
  is_at_least: boolean;
  newest: string;
  is_open: boolean;
}

const MOST_STUDIES = 50;

/** For the studies of a page of the worklist at once; those without any are left out. */
export function priorsQuery(studies: readonly string[]) {
  const asked = studies.slice(0, MOST_STUDIES);
  return queryOptions({
    queryKey: ["priors", asked],
    queryFn: async ({ signal }): Promise<ReadonlyMap<string, PriorsElsewhere[]>> => {
      const path = `/api/priors?${new URLSearchParams({ studies: asked.join(",") })}`;
      const answer = await requestJson<{ studies: { study_instance_uid: string; priors: PriorsElsewhere[] }[] }>(path, {
        signal,
      });
      return new Map(answer.studies.map((one) => [one.study_instance_uid, one.priors]));
    },
    enabled: asked.length > 0,
    staleTime: 60_000,
    refetchInterval: 60_000,
    // A page that an exam has joined shows what it showed until the answer is there.
    placeholderData: keepPreviousData,
  });
}

export function declareCare(patient: PatientId, other: { hospital: string; patient_id: string }) {
  const own = { patient_id: patient.patient_id, ...(patient.issuer ? { issuer: patient.issuer } : {}) };
  return send<CareRelation>("/api/care-relations", "POST", { ...own, other, informed: true });
}

export function openPriors(patient: PatientId, relation: string): Promise<CareRelation> {
  return send(`/api/care-relations/${relation}/opening?${query(patient)}`, "POST", {});
}

export async function endCare(patient: PatientId, relation: string): Promise<void> {
  await request(`/api/care-relations/${relation}?${query(patient)}`, { method: "DELETE" });
}

/** Where an opposition is kept: a patient's own, or that of a patient at the desk. */
export function oppositionPath(patient?: PatientId): string {
  if (!patient) return "/api/my/opposition";
  const issuer = patient.issuer ? `?${new URLSearchParams({ issuer: patient.issuer })}` : "";
  return `/api/oppositions/${encodeURIComponent(patient.patient_id)}${issuer}`;
}

export function oppositionQuery(patient?: PatientId) {
  const path = oppositionPath(patient);
  return queryOptions({
    queryKey: ["opposition", path],
    queryFn: ({ signal }) => requestJson<Opposition>(path, { signal }),
  });
}

export const recordOpposition = (opposes: boolean, patient?: PatientId) =>
  send<Opposition>(oppositionPath(patient), "PUT", { opposes });

export const breakGlass = (wanted: BreakGlassRequest) =>
  send<{ id: string; hospital: string; patient_id: string; expires_at: string }>("/api/break-glass", "POST", wanted);

export const brokenGlassesQuery = queryOptions({
  queryKey: ["broken-glasses"],
  queryFn: async ({ signal }) => (await requestJson<{ uses: BrokenGlass[] }>("/api/break-glass", { signal })).uses,
  refetchInterval: 60_000,
});

export const reviewBrokenGlass = (id: string, justified: boolean, comment: string) =>
  send<BrokenGlass>(`/api/break-glass/${id}/review`, "PUT", { justified, comment });
