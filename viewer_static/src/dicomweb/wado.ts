/** Retrieve transactions (WADO-RS, PS3.18 10.4) and what the portal shows of an instance. */

import { queryOptions } from "@tanstack/react-query";
import { RequestFailed, request, requestJson } from "../api/http";
import { type DicomJson, number, Tag, text } from "./json_model";

const ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1";
const STRUCTURED_REPORTS = "1.2.840.10008.5.1.4.1.1.88.";

/** Series of these modalities hold documents, which the study page lists one by one. */
const DOCUMENT_MODALITIES = new Set(["DOC", "SR"]);
/** Series of these modalities hold neither images nor documents to read. */
const UNSEEN_MODALITIES = new Set([
  "PR",
  "KO",
  "REG",
  "RTSTRUCT",
  "RTPLAN",
  "RTDOSE",
  "SEG",
  "PLAN",
  "FID",
  "AU",
  "ECG",
  "HD",
  "RWV",
]);

export type InstanceKind = "pdf" | "structured-report" | "image" | "other";
export type SeriesKind = "documents" | "images" | "other";

export function kindOfSeries(series: DicomJson): SeriesKind {
  const modality = text(series, Tag.Modality);
  if (DOCUMENT_MODALITIES.has(modality)) return "documents";
  return UNSEEN_MODALITIES.has(modality) ? "other" : "images";
}

export function kindOfInstance(instance: DicomJson): InstanceKind {
  const sopClass = text(instance, Tag.SOPClassUID);
  if (sopClass === ENCAPSULATED_PDF) return "pdf";
  if (sopClass.startsWith(STRUCTURED_REPORTS)) return "structured-report";
  return number(instance, Tag.Rows) === undefined ? "other" : "image";
}

export function seriesUrl(study: string, series: string): string {
  return `/dicomweb/studies/${study}/series/${series}`;
}

export function instanceUrl(study: string, series: string, instance: string): string {
  return `${seriesUrl(study, series)}/instances/${instance}`;
}

export function thumbnailUrl(study: string, series: string): string {
  return `${seriesUrl(study, series)}/thumbnail?viewport=256,256`;
}

/** One picture of a series. */
export interface Frame {
  sopInstanceUid: string;
  /** Counted from 1; undefined where the instance has a single frame. */
  frameNumber: number | undefined;
}

export function framesOf(instances: DicomJson[]): Frame[] {
  return instances
    .filter((instance) => kindOfInstance(instance) === "image")
    .flatMap((instance): Frame[] => {
      const sopInstanceUid = text(instance, Tag.SOPInstanceUID);
      const count = number(instance, Tag.NumberOfFrames) ?? 1;
      if (count <= 1) return [{ sopInstanceUid, frameNumber: undefined }];
      return Array.from({ length: count }, (_, index) => ({ sopInstanceUid, frameNumber: index + 1 }));
    });
}

export interface Window {
  center: number;
  width: number;
}

/** URL of a rendered frame (PS3.18 8.3.5), as JPEG of at most `size` pixels a side. */
export function renderedUrl(study: string, series: string, frame: Frame, size: number, window?: Window): string {
  const resource = instanceUrl(study, series, frame.sopInstanceUid);
  const frames = frame.frameNumber === undefined ? "" : `/frames/${frame.frameNumber}`;
  const voi = window ? `&window=${window.center},${window.width},linear` : "";
  return `${resource}${frames}/rendered?viewport=${size},${size}&quality=85${voi}`;
}

export function metadataQuery(study: string, series: string, instance: string) {
  return queryOptions({
    queryKey: ["metadata", study, series, instance],
    queryFn: async ({ signal }): Promise<DicomJson> => {
      const headers = { Accept: "application/dicom+json" };
      const [dataset] = await requestJson<DicomJson[]>(`${instanceUrl(study, series, instance)}/metadata`, {
        headers,
        signal,
      });
      if (!dataset) throw new RequestFailed("not-found");
      return dataset;
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** The PDF of an encapsulated document (PS3.18 8.7.4: its rendering is the document itself). */
export function pdfQuery(study: string, series: string, instance: string) {
  return queryOptions({
    queryKey: ["pdf", study, series, instance],
    queryFn: async ({ signal }): Promise<Blob> => {
      const url = `${instanceUrl(study, series, instance)}/rendered`;
      const response = await request(url, { headers: { Accept: "application/pdf" }, signal });
      return response.blob();
    },
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
  });
}
