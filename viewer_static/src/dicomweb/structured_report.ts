/** The content tree of a structured report (PS3.3 C.17.3) as plain text items. */

import i18next from "i18next";
import { type DicomJson, items, number, personName, readableDay, readableTime, text } from "./json_model";

const ContentTag = {
  CodeValue: "00080100",
  CodingSchemeDesignator: "00080102",
  CodeMeaning: "00080104",
  ConceptNameCodeSequence: "0040A043",
  ContentSequence: "0040A730",
  ConceptCodeSequence: "0040A168",
  DateTime: "0040A120",
  Date: "0040A121",
  Time: "0040A122",
  MeasuredValueSequence: "0040A300",
  MeasurementUnitsCodeSequence: "004008EA",
  NumericValue: "0040A30A",
  PersonName: "0040A123",
  TextValue: "0040A160",
  UID: "0040A124",
  ValueType: "0040A040",
} as const;

const DEEPEST = 32;
/** Tracking Identifier and its UID: for the software that measured, not for readers. */
const NOT_READ = new Set(["DCM-112039", "DCM-112040"]);

export interface ContentItem {
  name: string;
  value: string;
  isReference: boolean;
  children: ContentItem[];
}

function codeName(code: DicomJson): string {
  return `${text(code, ContentTag.CodingSchemeDesignator)}-${text(code, ContentTag.CodeValue)}`;
}

/** Meaning of a code: that of the portal for the codes it knows in the reader's language, else the one that came. */
export function codeMeaning(dataset: DicomJson, tag: string): string {
  const [code] = items(dataset, tag);
  if (!code) return "";
  return i18next.t(`code.${codeName(code)}`, { defaultValue: text(code, ContentTag.CodeMeaning) });
}

function measured(item: DicomJson, language: string): string {
  const [value] = items(item, ContentTag.MeasuredValueSequence);
  if (!value) return "";
  const quantity = number(value, ContentTag.NumericValue);
  const unit = codeMeaning(value, ContentTag.MeasurementUnitsCodeSequence);
  return [quantity?.toLocaleString(language, { maximumFractionDigits: 20 }) ?? "", unit].filter(Boolean).join(" ");
}

function contentValue(item: DicomJson, language: string): string {
  switch (text(item, ContentTag.ValueType)) {
    case "TEXT":
      return text(item, ContentTag.TextValue);
    case "CODE":
      return codeMeaning(item, ContentTag.ConceptCodeSequence);
    case "NUM":
      return measured(item, language);
    case "PNAME":
      return personName(item, ContentTag.PersonName);
    case "DATE":
      return readableDay(text(item, ContentTag.Date), language);
    case "TIME":
      return readableTime(text(item, ContentTag.Time));
    case "DATETIME": {
      const value = text(item, ContentTag.DateTime);
      return [readableDay(value.slice(0, 8), language), readableTime(value.slice(8))].filter(Boolean).join(" ");
    }
    case "UIDREF":
      return text(item, ContentTag.UID);
    default:
      return "";
  }
}

/** Items below the root; items that say nothing are left out. */
export function contentItems(dataset: DicomJson, language: string, depth = 0): ContentItem[] {
  if (depth > DEEPEST) return [];
  return items(dataset, ContentTag.ContentSequence)
    .filter((item) => !items(item, ContentTag.ConceptNameCodeSequence).some((code) => NOT_READ.has(codeName(code))))
    .map((item) => ({
      isContainer: text(item, ContentTag.ValueType) === "CONTAINER",
      name: codeMeaning(item, ContentTag.ConceptNameCodeSequence),
      value: contentValue(item, language),
      isReference: ["IMAGE", "COMPOSITE", "WAVEFORM"].includes(text(item, ContentTag.ValueType)),
      children: contentItems(item, language, depth + 1),
    }))
    .filter((item) => (item.name && !item.isContainer) || item.value || item.isReference || item.children.length > 0);
}
