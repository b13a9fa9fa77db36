/** Search transactions (QIDO-RS, PS3.18 10.6). */

import { queryOptions } from "@tanstack/react-query";
import { RequestFailed, request } from "../api/http";
import { type DicomJson, number, Tag, text } from "./json_model";

export const STUDIES_PER_PAGE = 25;
const INSTANCES_PER_REQUEST = 1000;
const INSTANCES_AT_MOST = 20_000;
const LIVE_REFRESH_MS = 4_000;

export interface StudyCriteria {
  patientName: string;
  patientId: string;
  accessionNumber: string;
  /** Days as YYYY-MM-DD, "" for an open end. */
  firstDay: string;
  lastDay: string;
  modality: string;
}

export const NO_CRITERIA: StudyCriteria = {
  patientName: "",
  patientId: "",
  accessionNumber: "",
  firstDay: "",
  lastDay: "",
  modality: "",
};

const STUDY_FIELDS = [Tag.StudyDescription, Tag.ModalitiesInStudy, Tag.InstitutionName, Tag.IssuerOfPatientID].join(
  ",",
);
const INSTANCE_FIELDS = [Tag.NumberOfFrames, Tag.DocumentTitle, Tag.ContentDate, Tag.ConceptNameCodeSequence].join(",");

export function studyParameters(criteria: StudyCriteria): URLSearchParams {
  const parameters = new URLSearchParams();
  const set = (name: string, value: string) => value && parameters.set(name, value);
  if (criteria.patientName.trim()) {
    parameters.set("PatientName", criteria.patientName.trim());
    parameters.set("fuzzymatching", "true");
  }
  set("PatientID", criteria.patientId.trim());
  set("AccessionNumber", criteria.accessionNumber.trim());
  set("ModalitiesInStudy", criteria.modality);
  const [first, last] = [criteria.firstDay, criteria.lastDay].map((day) => day.replaceAll("-", ""));
  if (first || last) parameters.set("StudyDate", `${first}-${last}`);
  return parameters;
}

/** Matches of a search; none is answered by 200 and an empty list, or by 204. */
async function search(path: string, parameters: URLSearchParams, signal: AbortSignal): Promise<DicomJson[]> {
  const response = await request(`/dicomweb${path}?${parameters}`, {
    headers: { Accept: "application/dicom+json" },
    signal,
  });
  if (response.status === 204) return [];
  try {
    return (await response.json()) as DicomJson[];
  } catch {
    throw new RequestFailed("unexpected");
  }
}

export interface StudyPage {
  studies: DicomJson[];
  hasNext: boolean;
}

/** A page of the worklist, newest first, asked for again every few seconds while somebody looks at it. */
export function worklistQuery(criteria: StudyCriteria, page: number) {
  return queryOptions({
    queryKey: ["studies", criteria, page],
    queryFn: async ({ signal }): Promise<StudyPage> => {
      const parameters = studyParameters(criteria);
      parameters.set("limit", String(STUDIES_PER_PAGE + 1));
      parameters.set("offset", String(page * STUDIES_PER_PAGE));
      parameters.set("includefield", STUDY_FIELDS);
      const studies = await search("/studies", parameters, signal);
      return { studies: studies.slice(0, STUDIES_PER_PAGE), hasNext: studies.length > STUDIES_PER_PAGE };
    },
    refetchInterval: LIVE_REFRESH_MS,
  });
}

export function studyQuery(studyInstanceUid: string) {
  return queryOptions({
    queryKey: ["study", studyInstanceUid],
    queryFn: async ({ signal }): Promise<DicomJson> => {
      const parameters = new URLSearchParams({ StudyInstanceUID: studyInstanceUid, includefield: STUDY_FIELDS });
      const [study] = await search("/studies", parameters, signal);
      if (!study) throw new RequestFailed("not-found");
      return study;
    },
    refetchInterval: LIVE_REFRESH_MS * 2,
  });
}

/** Other studies under the same Patient ID and the same name: two hospitals may give one ID to two people. */
export function otherStudiesQuery(study: DicomJson) {
  const patientId = text(study, Tag.PatientID);
  const name = JSON.stringify(study[Tag.PatientName]?.Value ?? null);
  return queryOptions({
    queryKey: ["other-studies", text(study, Tag.StudyInstanceUID)],
    queryFn: async ({ signal }): Promise<DicomJson[]> => {
      const parameters = new URLSearchParams({ PatientID: patientId, limit: "50", includefield: STUDY_FIELDS });
      const studies = await search("/studies", parameters, signal);
      return studies.filter(
        (other) =>
          text(other, Tag.StudyInstanceUID) !== text(study, Tag.StudyInstanceUID) &&
          JSON.stringify(other[Tag.PatientName]?.Value ?? null) === name,
      );
    },
    enabled: patientId !== "" && !/[*?]/.test(patientId),
  });
}

const bySeriesNumber = (a: DicomJson, b: DicomJson) =>
  (number(a, Tag.SeriesNumber) ?? Number.POSITIVE_INFINITY) - (number(b, Tag.SeriesNumber) ?? Number.POSITIVE_INFINITY);

export function seriesQuery(studyInstanceUid: string) {
  return queryOptions({
    queryKey: ["series", studyInstanceUid],
    queryFn: async ({ signal }): Promise<DicomJson[]> => {
      const parameters = new URLSearchParams({ includefield: [Tag.SeriesDescription, Tag.BodyPartExamined].join(",") });
      const series = await search(`/studies/${studyInstanceUid}/series`, parameters, signal);
      return series.sort(bySeriesNumber);
    },
    refetchInterval: LIVE_REFRESH_MS * 2,
  });
}

const byInstanceNumber = (a: DicomJson, b: DicomJson) =>
  (number(a, Tag.InstanceNumber) ?? 0) - (number(b, Tag.InstanceNumber) ?? 0);

/** All instances of a series in the order of Instance Number. */
export function instancesQuery(studyInstanceUid: string, seriesInstanceUid: string) {
  return queryOptions({
    queryKey: ["instances", studyInstanceUid, seriesInstanceUid],
    queryFn: async ({ signal }): Promise<DicomJson[]> => {
      const path = `/studies/${studyInstanceUid}/series/${seriesInstanceUid}/instances`;
      const instances: DicomJson[] = [];
      for (let offset = 0; offset < INSTANCES_AT_MOST; offset += INSTANCES_PER_REQUEST) {
        const parameters = new URLSearchParams({
          limit: String(INSTANCES_PER_REQUEST),
          offset: String(offset),
          includefield: INSTANCE_FIELDS,
        });
        const found = await search(path, parameters, signal);
        instances.push(...found);
        if (found.length < INSTANCES_PER_REQUEST) break;
      }
      return instances.sort(byInstanceNumber);
    },
  });
}
