import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { ErrorMessage } from "../components/ErrorMessage";
import { ModalityBadge, useModalityName } from "../components/Modality";
import { Loading, Page } from "../components/Page";
import { type DicomJson, hospitalOf, number, Tag, text } from "../dicomweb/json_model";
import { otherStudiesQuery, seriesQuery, studyQuery } from "../dicomweb/qido";
import { kindOfSeries, thumbnailUrl } from "../dicomweb/wado";
import { Confidentiality } from "./Confidentiality";
import { DocumentLinks } from "./DocumentLinks";
import { DownloadStudy } from "./DownloadStudy";
import { Priors } from "./Priors";
import { ShareStudy } from "./ShareStudy";
import { useStudySummary, viewerUrl } from "./study_summary";

/** OHIF draws these over the images that they refer to. */
const DRAWN_BY_VIEWER = new Set(["SEG", "RTSTRUCT"]);

export function StudyPage() {
  const { t } = useTranslation();
  const { study: uid } = useParams({ from: "/signed-in/studies/$study" });
  const { data: study, error, refetch } = useQuery(studyQuery(uid));
  const { data: series = [], error: seriesError, isPending, refetch: refetchSeries } = useQuery(seriesQuery(uid));
  const summarize = useStudySummary();
  if (error && !study) {
    return (
      <Page title={t("study.title")}>
        <ErrorMessage error={error} onRetry={() => refetch()} />
        <BackToWorklist />
      </Page>
    );
  }
  if (!study) return <Loading label={t("loading")} />;
  const documents = series.filter((one) => kindOfSeries(one) === "documents");
  const images = series.filter((one) => kindOfSeries(one) !== "documents");
  const first = images.find((one) => kindOfSeries(one) === "images");
  const summary = summarize(study);
  return (
    <Page title={summary.patient} actions={<BackToWorklist />}>
      <section className="study-summary" aria-label={t("study.title")}>
        <div>
          <p className="study-description">
            {summary.description}{" "}
            <span className="badges">
              {summary.modalities.map((code) => (
                <ModalityBadge key={code} code={code} named />
              ))}
            </span>
          </p>
          <Facts study={study} />
        </div>
        <div className="study-actions">
          {series.length > 0 && <ShareStudy study={study} series={series} />}
          {series.length > 0 && (
            <DownloadStudy study={uid} day={text(study, Tag.StudyDate)} hospital={hospitalOf(study)} />
          )}
          {first && (
            <Link
              to="/studies/$study/series/$series"
              params={{ study: uid, series: text(first, Tag.SeriesInstanceUID) }}
              className="button button-quiet"
            >
              {t("study.openSimple")}
            </Link>
          )}
          <a href={viewerUrl(summary)} className="button desktop-only">
            {t("study.openViewer")}
          </a>
        </div>
      </section>
      {seriesError && series.length === 0 && <ErrorMessage error={seriesError} onRetry={() => refetchSeries()} />}
      {isPending && <Loading label={t("loading")} />}
      {!isPending && !seriesError && (
        <div className="study-columns">
          <section>
            <h2>{t("study.series")}</h2>
            {images.length === 0 && <p className="empty">{t("study.noSeries")}</p>}
            <ul className="series-grid">
              {images.map((one) => (
                <SeriesCard key={text(one, Tag.SeriesInstanceUID)} study={uid} series={one} />
              ))}
            </ul>
          </section>
          <div>
            <section>
              <h2>{t("study.documents")}</h2>
              {documents.length === 0 && <p className="empty">{t("study.noDocuments")}</p>}
              {documents.map((one) => (
                <DocumentLinks key={text(one, Tag.SeriesInstanceUID)} study={uid} series={one} />
              ))}
            </section>
            <Confidentiality study={study} series={series} />
            <OtherStudies study={study} />
            <Priors study={study} />
          </div>
        </div>
      )}
    </Page>
  );
}

function BackToWorklist() {
  const { t } = useTranslation();
  return (
    <Link to="/" className="back-link">
      ← {t("study.worklist")}
    </Link>
  );
}

function Facts({ study }: { study: DicomJson }) {
  const { t } = useTranslation();
  const summary = useStudySummary()(study);
  const facts = [
    [t("study.patientId"), [summary.patientId, summary.birth, summary.sex].filter(Boolean).join(" · ")],
    [t("study.date"), [summary.day, summary.time].filter(Boolean).join(" · ")],
    [t("study.accessionNumber"), summary.accessionNumber],
    [t("study.physician"), summary.physician],
    [t("study.institution"), summary.institution],
  ].filter(([, value]) => value);
  return (
    <dl className="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function SeriesCard({ study, series }: { study: string; series: DicomJson }) {
  const { t } = useTranslation();
  const modalityName = useModalityName();
  const uid = text(series, Tag.SeriesInstanceUID);
  const modality = text(series, Tag.Modality);
  const description = text(series, Tag.SeriesDescription) || t("study.noSeriesDescription");
  const seriesNumber = text(series, Tag.SeriesNumber) || "–";
  const count = number(series, Tag.NumberOfSeriesRelatedInstances) ?? 0;
  const holdsImages = kindOfSeries(series) === "images";
  const caption = (
    <>
      <span className="series-title">{description}</span>
      <span className="sub">
        {t("study.seriesNumber", { number: seriesNumber })} ·{" "}
        {t(holdsImages ? "study.images" : "worklist.instancesShort", { count })}
      </span>
      <ModalityBadge code={modality} />
    </>
  );
  if (!holdsImages) {
    return (
      <li className="series-card is-unseen">
        <span className="series-thumbnail" aria-hidden="true" />
        {caption}
        <span className="sub">{t(DRAWN_BY_VIEWER.has(modality) ? "study.drawnByViewer" : "study.notShown")}</span>
      </li>
    );
  }
  return (
    <li className="series-card">
      <Link
        to="/studies/$study/series/$series"
        params={{ study, series: uid }}
        aria-label={t("study.seriesOf", { number: seriesNumber, modality: modalityName(modality), description })}
      >
        <span className="series-thumbnail">
          {/* A series without a picture (or one that cannot be rendered) keeps its dark square. */}
          <img src={thumbnailUrl(study, uid)} alt="" loading="lazy" onError={(event) => event.currentTarget.remove()} />
        </span>
        {caption}
      </Link>
    </li>
  );
}

function OtherStudies({ study }: { study: DicomJson }) {
  const { t } = useTranslation();
  const { data: others = [] } = useQuery(otherStudiesQuery(study));
  const summarize = useStudySummary();
  if (others.length === 0) return null;
  return (
    <section>
      <h2>{t("study.others")}</h2>
      <ul className="links">
        {others.map(summarize).map((other) => (
          <li key={other.uid}>
            <Link to="/studies/$study" params={{ study: other.uid }}>
              {other.description}
            </Link>
            <span className="sub">
              {other.day} · {other.modalities.join(", ")}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
