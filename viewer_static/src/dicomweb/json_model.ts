/** The DICOM JSON Model (PS3.18 Annex F): reading values and showing them to people. */

export interface PersonName {
  Alphabetic?: string;
  Ideographic?: string;
  Phonetic?: string;
}

export type DicomValue = string | number | PersonName | DicomJson | null;

export interface DicomElement {
  vr: string;
  Value?: DicomValue[];
  BulkDataURI?: string;
  InlineBinary?: string;
}

export type DicomJson = { [tag: string]: DicomElement | undefined };

export const Tag = {
  IssuerOfPatientID: "00100021",
  RetrieveURL: "00081190",
  SOPClassUID: "00080016",
  SOPInstanceUID: "00080018",
  StudyDate: "00080020",
  ContentDate: "00080023",
  StudyTime: "00080030",
  ContentTime: "00080033",
  AccessionNumber: "00080050",
  ModalitiesInStudy: "00080061",
  Modality: "00080060",
  InstitutionName: "00080080",
  ReferringPhysicianName: "00080090",
  StudyDescription: "00081030",
  SeriesDescription: "0008103E",
  PatientName: "00100010",
  PatientID: "00100020",
  PatientBirthDate: "00100030",
  PatientSex: "00100040",
  BodyPartExamined: "00180015",
  StudyInstanceUID: "0020000D",
  SeriesInstanceUID: "0020000E",
  SeriesNumber: "00200011",
  InstanceNumber: "00200013",
  NumberOfStudyRelatedSeries: "00201206",
  NumberOfStudyRelatedInstances: "00201208",
  NumberOfSeriesRelatedInstances: "00201209",
  NumberOfFrames: "00280008",
  Rows: "00280010",
  Columns: "00280011",
  WindowCenter: "00281050",
  WindowWidth: "00281051",
  ConceptNameCodeSequence: "0040A043",
  DocumentTitle: "00420010",
} as const;

export function texts(dataset: DicomJson, tag: string): string[] {
  const values = dataset[tag]?.Value ?? [];
  return values.filter((value) => typeof value === "string" || typeof value === "number").map(String);
}

export function text(dataset: DicomJson, tag: string): string {
  return texts(dataset, tag)[0]?.trim() ?? "";
}

export function number(dataset: DicomJson, tag: string): number | undefined {
  const value = Number.parseFloat(text(dataset, tag));
  return Number.isFinite(value) ? value : undefined;
}

export function items(dataset: DicomJson, tag: string): DicomJson[] {
  const values = dataset[tag]?.Value ?? [];
  return values.filter((value): value is DicomJson => typeof value === "object" && value !== null);
}

function readableGroup(group: string | undefined): string {
  const [family = "", given = "", middle = "", prefix = "", suffix = ""] = (group ?? "").split("^");
  return [prefix, family, given, middle, suffix]
    .map((component) => component.trim())
    .filter(Boolean)
    .join(" ");
}

/** A person name as people write it: `Dr LEFÈVRE Jeanne`, other scripts in brackets. */
export function personName(dataset: DicomJson, tag: string): string {
  const value = dataset[tag]?.Value?.[0];
  if (typeof value === "string") return readableGroup(value);
  if (typeof value !== "object" || value === null) return "";
  const name = value as PersonName;
  const alphabetic = readableGroup(name.Alphabetic);
  const other = readableGroup(name.Ideographic) || readableGroup(name.Phonetic);
  if (alphabetic && other) return `${alphabetic} (${other})`;
  return alphabetic || other;
}

/** A DA value as a day in local time, undefined where it is not one. */
export function day(da: string): Date | undefined {
  const match = /^(\d{4})\.?(\d{2})\.?(\d{2})$/.exec(da);
  if (!match) return undefined;
  const [year, month, date] = match.slice(1).map(Number) as [number, number, number];
  const value = new Date(year, month - 1, date);
  return value.getMonth() === month - 1 && value.getDate() === date ? value : undefined;
}

export function readableDay(da: string, language: string): string {
  const value = day(da);
  return value ? new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(value) : da;
}

/** A TM value as hours and minutes; "" where there are none. */
export function readableTime(tm: string): string {
  const match = /^(\d{2}):?(\d{2})/.exec(tm);
  return match ? `${match[1]}:${match[2]}` : "";
}

/** Age in whole years on a day. */
export function ageInYears(birthDate: string, on: Date): number | undefined {
  const born = day(birthDate);
  if (!born) return undefined;
  const hadBirthday =
    on.getMonth() > born.getMonth() || (on.getMonth() === born.getMonth() && on.getDate() >= born.getDate());
  const years = on.getFullYear() - born.getFullYear() - (hadBirthday ? 0 : 1);
  return years >= 0 && years < 150 ? years : undefined;
}

/** The hospital that a Retrieve URL names, where a session sees several; else "". */
export function hospitalOf(dataset: DicomJson): string {
  const url = text(dataset, Tag.RetrieveURL);
  return URL.canParse(url) ? (new URL(url).searchParams.get("hospital") ?? "") : "";
}
