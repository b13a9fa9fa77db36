import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { type PriorsElsewhere, priorsQuery } from "../api/care";
import { useSession } from "../api/session";
import { ErrorMessage, kindOf } from "../components/ErrorMessage";
import { ModalityBadge } from "../components/Modality";
import { Loading, Page } from "../components/Page";
import { type DicomJson, hospitalOf, readableDay, Tag, text } from "../dicomweb/json_model";
import { NO_CRITERIA, type StudyCriteria, worklistQuery } from "../dicomweb/qido";
import { FewCodesLeft } from "./OwnFactors";
import { ReceivedShares } from "./ReceivedShares";
import { type StudySummary, useStudySummary, viewerUrl } from "./study_summary";
import { useViewerPrefetch } from "./use_viewer_prefetch";
import { WorklistSearch } from "./WorklistSearch";
import { NOTHING_SEEN, observe, type WorklistChanges } from "./worklist_changes";
import { setWorklistState, useWorklistState } from "./worklist_state";

/** The exams that the session may see, newest first; a new one appears by itself. */
export function Worklist() {
  const { t } = useTranslation();
  const { criteria, page } = useWorklistState();
  const session = useSession().data;
  const isPatient = session?.role === "patient" || session?.role === "proxy";
  const { data, error, isPending, isPlaceholderData, dataUpdatedAt, refetch } = useQuery({
    ...worklistQuery(criteria, page),
    placeholderData: keepPreviousData,
  });
  useViewerPrefetch(!isPending);
  const changes = useChanges(criteria, page, isPlaceholderData ? undefined : data?.studies, dataUpdatedAt);
  return (
    <Page title={t("worklist.title")} actions={<p className="live">{t("worklist.live")}</p>}>
      <ReceivedShares />
      {isPatient && <FewCodesLeft />}
      {!isPatient && (
        <WorklistSearch
          key={JSON.stringify(criteria)}
          criteria={criteria}
          onSearch={(wanted) => setWorklistState({ criteria: wanted, page: 0 })}
        />
      )}
      <p className="sr-only" role="status">
        {changes.arrived.size > 0 && t("worklist.arrived", { count: changes.arrived.size })}
      </p>
      {error && data && (
        <p className="message message-error" role="alert">
          {t("failure.stale", { reason: t(`failure.${kindOf(error)}`) })}
        </p>
      )}
      {isPending && <Loading label={t("loading")} />}
      {error && !data && <ErrorMessage error={error} onRetry={() => refetch()} />}
      {data && (
        <div className={isPlaceholderData ? "is-stale" : undefined} aria-busy={isPlaceholderData}>
          {data.studies.length > 0 ? (
            <Studies studies={data.studies} changes={changes} />
          ) : (
            <Empty criteria={criteria} />
          )}
          <Pages page={page} hasNext={data.hasNext} onPage={(next) => setWorklistState({ criteria, page: next })} />
        </div>
      )}
    </Page>
  );
}

function useChanges(
  criteria: StudyCriteria,
  page: number,
  studies: DicomJson[] | undefined,
  at: number,
): WorklistChanges {
  const search = JSON.stringify([criteria, page]);
  const [observed, setObserved] = useState({ search, changes: NOTHING_SEEN });
  useEffect(() => {
    if (!studies || at === 0) return;
    setObserved((last) => ({
      search,
      changes: observe(last.search === search ? last.changes : NOTHING_SEEN, studies, at),
    }));
  }, [search, studies, at]);
  return observed.search === search ? observed.changes : NOTHING_SEEN;
}

function Empty({ criteria }: { criteria: StudyCriteria }) {
  const { t } = useTranslation();
  const isUnfiltered = JSON.stringify(criteria) === JSON.stringify(NO_CRITERIA);
  return (
    <p className="empty" role="status">
      {t(isUnfiltered ? "worklist.emptyArchive" : "worklist.empty")}
    </p>
  );
}

function Studies({ studies, changes }: { studies: DicomJson[]; changes: WorklistChanges }) {
  const { t } = useTranslation();
  const summarize = useStudySummary();
  const priors = usePriors(studies);
  const columns = ["patient", "date", "modality", "description", "counts", "state", "actions"] as const;
  return (
    <>
      {priors.hasFailed && <p className="message message-note">{t("worklist.priorsUnknown")}</p>}
      <table className="worklist">
        <caption className="sr-only">{t("worklist.caption")}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col" className={`cell-${column}`}>
                {t(`worklist.${column}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {studies.map(summarize).map((study) => (
            <StudyRow
              key={study.uid}
              study={study}
              isNew={changes.arrived.has(study.uid)}
              isReceiving={changes.receiving.has(study.uid)}
              priors={priors.of.get(study.uid) ?? []}
            />
          ))}
        </tbody>
      </table>
    </>
  );
}

const NO_PRIORS: ReadonlyMap<string, PriorsElsewhere[]> = new Map();

/** What other hospitals have of the patients of a page, for those who may reach it by a care relation. */
function usePriors(studies: DicomJson[]) {
  const { data: session } = useSession();
  const isOwn = (study: DicomJson) => ["", session?.hospital?.id].includes(hospitalOf(study));
  const own = studies.filter(isOwn).map((study) => text(study, Tag.StudyInstanceUID));
  const mayReach = Boolean(session?.hospital) && Boolean(session?.permissions.includes("declare-care"));
  const { data, isError } = useQuery(priorsQuery(mayReach ? own : []));
  return { of: (mayReach && data) || NO_PRIORS, hasFailed: mayReach && isError };
}

interface StudyRowProps {
  study: StudySummary;
  isNew: boolean;
  isReceiving: boolean;
  priors: PriorsElsewhere[];
}

function StudyRow({ study, isNew, isReceiving, priors }: StudyRowProps) {
  const { t } = useTranslation();
  // Who sees several hospitals is told where each exam was made.
  const place = useSession().data?.hospital ? "" : study.institution;
  return (
    <tr className={isNew ? "is-new" : undefined} data-study={study.uid}>
      <th scope="row" className="cell-patient">
        <Link to="/studies/$study" params={{ study: study.uid }} className="patient-link">
          {study.patient}
        </Link>
        <span className="sub">
          {[study.patientId && t("patient.id", { id: study.patientId }), study.birth].filter(Boolean).join(" · ")}
        </span>
      </th>
      <td className="cell-date">
        <span className="strong">{study.day}</span> <span className="sub">{study.time}</span>
      </td>
      <td className="cell-modality">
        <span className="badges">
          {study.modalities.map((code) => (
            <ModalityBadge key={code} code={code} />
          ))}
        </span>
      </td>
      <td className="cell-description">
        {study.description}
        <span className="sub">{[study.accessionNumber, place].filter(Boolean).join(" · ")}</span>
        <PriorsOf study={study} priors={priors} />
      </td>
      <td className="cell-counts">
        {t("worklist.series", { count: study.seriesCount })}
        <span className="sub">{t("worklist.instancesShort", { count: study.instanceCount })}</span>
      </td>
      <td className="cell-state">
        <span className={isReceiving ? "state state-receiving" : "state"}>
          {t(isReceiving ? "worklist.receiving" : "worklist.received")}
        </span>
        {isNew && <span className="state state-new">{t("worklist.new")}</span>}
      </td>
      <td className="cell-actions">
        <a
          className="button button-small"
          href={viewerUrl(study)}
          aria-label={t("worklist.openViewerOf", { patient: study.patient, description: study.description })}
        >
          {t("worklist.openViewer")}
        </a>
      </td>
    </tr>
  );
}

/** How many exams other hospitals have of the patient: leads to where they are opened. */
function PriorsOf({ study, priors }: { study: StudySummary; priors: PriorsElsewhere[] }) {
  const { t, i18n } = useTranslation();
  if (priors.length === 0) return null;
  return (
    <ul className="worklist-priors">
      {priors.map((one) => (
        <li key={`${one.hospital} ${one.newest} ${one.exams}`}>
          <Link to="/studies/$study" params={{ study: study.uid }} hash="priors" className="worklist-prior">
            {t(one.is_at_least ? "worklist.priorsAtLeast" : "worklist.priors", {
              count: one.exams,
              hospital: one.hospital_name,
            })}
            <span className="sub">
              {[one.newest && readableDay(one.newest, i18n.language), one.is_open && t("worklist.priorsOpen")]
                .filter(Boolean)
                .join(" · ")}
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}

function Pages({ page, hasNext, onPage }: { page: number; hasNext: boolean; onPage: (page: number) => void }) {
  const { t } = useTranslation();
  if (page === 0 && !hasNext) return null;
  return (
    <nav className="pages" aria-label={t("worklist.pages")}>
      <Button className="button button-quiet" isDisabled={page === 0} onPress={() => onPage(page - 1)}>
        {t("worklist.newer")}
      </Button>
      <span aria-current="page">{t("worklist.page", { page: page + 1 })}</span>
      <Button className="button button-quiet" isDisabled={!hasNext} onPress={() => onPage(page + 1)}>
        {t("worklist.older")}
      </Button>
    </nav>
  );
}
