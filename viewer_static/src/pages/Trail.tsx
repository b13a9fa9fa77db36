import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { type AuditEvent, type AuditPage, type AuditSearch, fetchTrailCsv, trailQuery } from "../api/audit";
import { ErrorMessage } from "../components/ErrorMessage";
import { HospitalChoice } from "../components/HospitalChoice";
import { Loading, Page } from "../components/Page";
import { ReceiptCheck } from "../components/Receipt";
import { saveFile } from "../components/save_file";
import { readableInstant } from "./format";
import { TrailState } from "./TrailState";
import { inWhichRole, newestFirst, whatWasDone, why } from "./trail_words";
import { useHospital } from "./use_hospital";

const FIELDS = ["patient_id", "subject", "study"] as const;
type Draft = Omit<AuditSearch, "hospital">;
const NOTHING: Draft = { patient_id: "", subject: "", study: "", from: "", to: "" };

/** To a privacy officer: events of the hospital by patient, user, exam and period, to read or to take away. */
export function TrailPage() {
  const { t } = useTranslation();
  const { hospital, choices, choose, error } = useHospital();
  const [wanted, setWanted] = useState(NOTHING);
  const search = { hospital, ...wanted };
  return (
    <Page title={t("trail.title")}>
      <p className="introduction">{t("trail.about")}</p>
      {choices.length > 1 && (
        <div className="filters">
          <HospitalChoice label={t("operations.hospital")} choices={choices} value={hospital} onChange={choose} />
        </div>
      )}
      {error && <ErrorMessage error={error} />}
      <TrailState hospital={hospital} />
      <Search onSearch={setWanted} />
      <Found search={search} />
      <ReceiptCheck />
    </Page>
  );
}

function Search({ onSearch }: { onSearch: (wanted: Draft) => void }) {
  const { t } = useTranslation();
  const [draft, setDraft] = useState(NOTHING);
  const field = (name: keyof Draft, type: "text" | "date") => (
    <label className="field" key={name}>
      <span>{t(`trail.fields.${name}`)}</span>
      <input
        name={name}
        type={type}
        value={draft[name]}
        maxLength={64}
        autoComplete="off"
        spellCheck="false"
        onChange={(event) => setDraft({ ...draft, [name]: event.target.value })}
      />
    </label>
  );
  function submit(event: FormEvent) {
    event.preventDefault();
    const trimmed = Object.entries(draft).map(([name, value]) => [name, value.trim()]);
    onSearch(Object.fromEntries(trimmed) as Draft);
  }
  function clear() {
    setDraft(NOTHING);
    onSearch(NOTHING);
  }
  return (
    <search>
      <form className="search trail-search" aria-label={t("trail.criteria")} onSubmit={submit}>
        {FIELDS.map((name) => field(name, "text"))}
        {field("from", "date")}
        {field("to", "date")}
        <div className="search-actions">
          <button type="submit" className="button">
            {t("worklist.search")}
          </button>
          <Button className="button button-quiet" onPress={clear}>
            {t("worklist.clear")}
          </Button>
        </div>
      </form>
    </search>
  );
}

function Found({ search }: { search: AuditSearch }) {
  const { t } = useTranslation();
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(trailQuery(search));
  const exporting = useMutation({
    mutationFn: () => fetchTrailCsv(search),
    onSuccess: (content) => saveFile(content, `${t("trail.csvFile")}-${search.hospital}.csv`),
  });
  if (error && !data) return <ErrorMessage error={error} onRetry={() => refetch()} />;
  if (!data) return <Loading label={t("loading")} />;
  const count = data.pages.reduce((sum, page) => sum + page.events.length, 0);
  return (
    <>
      <div className="trail-summary">
        <p role="status">{t(hasNextPage ? "trail.countMore" : "trail.count", { count })}</p>
        <Button
          className="button button-quiet"
          onPress={() => exporting.mutate()}
          isDisabled={exporting.isPending || count === 0}
        >
          {t(exporting.isPending ? "loading" : "trail.csv")}
        </Button>
      </div>
      {exporting.error && <ErrorMessage error={exporting.error} />}
      {count === 0 ? <p className="empty">{t("trail.none")}</p> : <Rows pages={data.pages} />}
      {hasNextPage && (
        <Button className="button button-quiet" onPress={() => fetchNextPage()} isDisabled={isFetchingNextPage}>
          {t(isFetchingNextPage ? "loading" : "trail.older")}
        </Button>
      )}
    </>
  );
}

const COLUMNS = ["when", "who", "what", "patient", "study", "why"] as const;

function Rows({ pages }: { pages: AuditPage[] }) {
  const { t } = useTranslation();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by the keyboard
    <section className="table-scroll" aria-label={t("trail.caption")} tabIndex={0}>
      <table className="data trail-table">
        <caption className="sr-only">{t("trail.caption")}</caption>
        <thead>
          <tr>
            {COLUMNS.map((column) => (
              <th key={column} scope="col">
                {t(`trail.columns.${column}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {pages.flatMap((page) =>
            newestFirst(page.events).map((event) => <Row key={event.key} event={event} hospitals={page.hospitals} />),
          )}
        </tbody>
      </table>
    </section>
  );
}

function Row({ event, hospitals }: { event: AuditEvent; hospitals: Record<string, string> }) {
  const { t, i18n } = useTranslation();
  const query = event.detail.query;
  return (
    <tr className={event.outcome === "success" ? undefined : "trail-refused"}>
      <td>{readableInstant(event.when, i18n.language)}</td>
      <td>
        {event.who.name || event.who.subject || t("trail.stranger")}
        <span className="sub">{inWhichRole(event, hospitals, t)}</span>
        {event.who.address && <span className="sub">{event.who.address}</span>}
      </td>
      <td className="sentence">
        {whatWasDone(event, t)}
        {event.outcome !== "success" && ` (${t(`trail.outcomes.${event.outcome}`)})`}
        {typeof query === "string" && query && <span className="sub trail-query">{query}</span>}
      </td>
      <td>{event.patient?.patient_id}</td>
      <td className="code">{event.study_instance_uid}</td>
      <td className="sentence">{why(event, t)}</td>
    </tr>
  );
}
