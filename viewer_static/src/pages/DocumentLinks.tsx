import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { ErrorMessage } from "../components/ErrorMessage";
import { ModalityBadge } from "../components/Modality";
import { type DicomJson, readableDay, readableTime, Tag, text } from "../dicomweb/json_model";
import { instancesQuery } from "../dicomweb/qido";
import { codeMeaning } from "../dicomweb/structured_report";
import { kindOfInstance } from "../dicomweb/wado";

/** The documents of a series, each with a link to where it can be read. */
export function DocumentLinks({ study, series }: { study: string; series: DicomJson }) {
  const { i18n } = useTranslation();
  const seriesUid = text(series, Tag.SeriesInstanceUID);
  const { data: instances = [], error, refetch } = useQuery(instancesQuery(study, seriesUid));
  const titleOf = useDocumentTitle();
  if (error && instances.length === 0) return <ErrorMessage error={error} onRetry={() => refetch()} />;
  return (
    <ul className="links">
      {instances.map((instance) => {
        const uid = text(instance, Tag.SOPInstanceUID);
        const date = readableDay(text(instance, Tag.ContentDate), i18n.language);
        const time = readableTime(text(instance, Tag.ContentTime));
        return (
          <li key={uid} className="document-link">
            <Link
              to="/studies/$study/series/$series/instances/$instance"
              params={{ study, series: seriesUid, instance: uid }}
            >
              {titleOf(instance)}
            </Link>
            <span className="sub">{[text(series, Tag.SeriesDescription), date, time].filter(Boolean).join(" · ")}</span>
            <ModalityBadge code={text(series, Tag.Modality)} />
          </li>
        );
      })}
    </ul>
  );
}

export function useDocumentTitle(): (instance: DicomJson) => string {
  const { t } = useTranslation();
  const kinds = { pdf: "study.pdf", "structured-report": "study.structuredReport" } as const;
  return (instance) => {
    const kind = kindOfInstance(instance);
    const own = text(instance, Tag.DocumentTitle) || codeMeaning(instance, Tag.ConceptNameCodeSequence);
    return own || t(kind === "pdf" || kind === "structured-report" ? kinds[kind] : "study.otherDocument");
  };
}
