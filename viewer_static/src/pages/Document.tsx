import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { ErrorMessage } from "../components/ErrorMessage";
import { Loading, Page } from "../components/Page";
import { kindOfInstance, metadataQuery } from "../dicomweb/wado";
import { useDocumentTitle } from "./DocumentLinks";
import { PdfDocument } from "./PdfDocument";
import { StructuredReport } from "./StructuredReport";

/** A report, read within the portal. */
export function DocumentPage() {
  const { t } = useTranslation();
  const params = useParams({ from: "/signed-in/studies/$study/series/$series/instances/$instance" });
  const { data: dataset, error, refetch } = useQuery(metadataQuery(params.study, params.series, params.instance));
  const titleOf = useDocumentTitle();
  const back = (
    <Link to="/studies/$study" params={{ study: params.study }} className="back-link">
      ← {t("images.study")}
    </Link>
  );
  if (error) {
    return (
      <Page title={t("study.otherDocument")} actions={back}>
        <ErrorMessage error={error} onRetry={() => refetch()} />
      </Page>
    );
  }
  if (!dataset) return <Loading label={t("loading")} />;
  const kind = kindOfInstance(dataset);
  return (
    <Page title={titleOf(dataset)} actions={back}>
      {kind === "pdf" && <PdfDocument {...params} />}
      {kind === "structured-report" && <StructuredReport dataset={dataset} />}
      {kind !== "pdf" && kind !== "structured-report" && <p className="empty">{t("document.unsupported")}</p>}
    </Page>
  );
}
