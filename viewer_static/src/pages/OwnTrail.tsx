import { useInfiniteQuery } from "@tanstack/react-query";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { type AuditEvent, type AuditPage, ownTrailQuery } from "../api/audit";
import { ErrorMessage } from "../components/ErrorMessage";
import { useModalityName } from "../components/Modality";
import { Loading, Page } from "../components/Page";
import { ReceiptButton, ReceiptCheck } from "../components/Receipt";
import { readableInstant } from "./format";
import { examOf, inWhichRole, newestFirst, whatWasDone, whoDid, why } from "./trail_words";

/** To a patient: who looked at the exams, when, at which, and why that was possible. */
export function OwnTrailPage() {
  const { t } = useTranslation();
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(ownTrailQuery);
  const events = data?.pages.flatMap((page) => newestFirst(page.events).map((event) => ({ event, page }))) ?? [];
  return (
    <Page title={t("trail.own")}>
      <p className="introduction">{t("trail.ownAbout")}</p>
      {error && <ErrorMessage error={error} onRetry={() => refetch()} />}
      {!data && !error && <Loading label={t("loading")} />}
      {data && events.length === 0 && <p className="empty">{t("trail.nobody")}</p>}
      <ol className="trail">
        {events.map(({ event, page }) => (
          <Looked key={event.key} event={event} page={page} />
        ))}
      </ol>
      {hasNextPage && (
        <Button className="button button-quiet" onPress={() => fetchNextPage()} isDisabled={isFetchingNextPage}>
          {t(isFetchingNextPage ? "loading" : "trail.older")}
        </Button>
      )}
      <ReceiptCheck />
    </Page>
  );
}

function Looked({ event, page }: { event: AuditEvent; page: AuditPage }) {
  const { t, i18n } = useTranslation();
  const modalityName = useModalityName();
  const who = whoDid(event, t);
  const exam = examOf(event, page.studies, modalityName, t, i18n.language);
  const role = inWhichRole(event, page.hospitals, t);
  const reason = why(event, t);
  const when = readableInstant(event.when, i18n.language);
  return (
    <li className={event.outcome === "success" ? undefined : "trail-refused"}>
      <div>
        <p className="sub">{when}</p>
        <p>
          <span className="strong">{who}</span>
          {role && <span className="sub">{role}</span>}
        </p>
        <p>
          {whatWasDone(event, t)}
          {exam && ` : ${exam}`}
          {event.outcome !== "success" && ` (${t(`trail.outcomes.${event.outcome}`)})`}
        </p>
        {reason && <p className="sub">{t("trail.because", { reason })}</p>}
      </div>
      <ReceiptButton event={event} label={`${who}, ${when}`} />
    </li>
  );
}
