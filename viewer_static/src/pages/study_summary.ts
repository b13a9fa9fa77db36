import { useTranslation } from "react-i18next";
import {
  ageInYears,
  type DicomJson,
  number,
  personName,
  readableDay,
  readableTime,
  Tag,
  text,
  texts,
} from "../dicomweb/json_model";

export interface StudySummary {
  uid: string;
  patient: string;
  patientId: string;
  birth: string;
  sex: string;
  day: string;
  time: string;
  description: string;
  accessionNumber: string;
  physician: string;
  institution: string;
  modalities: string[];
  seriesCount: number;
  instanceCount: number;
}

/** Turns a study's attributes into what people read, in their language. */
export function useStudySummary(): (study: DicomJson) => StudySummary {
  const { t, i18n } = useTranslation();
  return (study) => {
    const birthDate = text(study, Tag.PatientBirthDate);
    const age = ageInYears(birthDate, new Date());
    const born = birthDate && t("patient.born", { date: readableDay(birthDate, i18n.language) });
    return {
      uid: text(study, Tag.StudyInstanceUID),
      patient: personName(study, Tag.PatientName) || t("worklist.noName"),
      patientId: text(study, Tag.PatientID),
      birth: age === undefined ? born : `${born} (${t("patient.years", { count: age })})`,
      sex: text(study, Tag.PatientSex) && t(`patient.sex.${text(study, Tag.PatientSex)}`, { defaultValue: "" }),
      day: readableDay(text(study, Tag.StudyDate), i18n.language),
      time: readableTime(text(study, Tag.StudyTime)),
      description: text(study, Tag.StudyDescription) || t("worklist.noDescription"),
      accessionNumber: text(study, Tag.AccessionNumber),
      physician: personName(study, Tag.ReferringPhysicianName),
      institution: text(study, Tag.InstitutionName),
      modalities: texts(study, Tag.ModalitiesInStudy),
      seriesCount: number(study, Tag.NumberOfStudyRelatedSeries) ?? 0,
      instanceCount: number(study, Tag.NumberOfStudyRelatedInstances) ?? 0,
    };
  };
}

/** OHIF with a study in it; a mammography is hung as its four views at once. */
export function viewerUrl({ uid, modalities }: Pick<StudySummary, "uid" | "modalities">): string {
  const parameters = new URLSearchParams({ StudyInstanceUIDs: uid });
  if (modalities.includes("MG")) parameters.set("hangingProtocolId", "@ohif/mnGrid");
  return `/ohif/viewer?${parameters}`;
}
