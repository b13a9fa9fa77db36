import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { type Dispute, disputesQuery } from "../api/disputes";
import { useSession } from "../api/session";
import { ErrorMessage } from "../components/ErrorMessage";
import { HospitalChoice } from "../components/HospitalChoice";
import { Loading, Page } from "../components/Page";
import { ContestLine } from "./ContestLine";
import { DecideDispute } from "./DecideDispute";
import { readableAmount, readableInstant } from "./format";
import { useHospital } from "./use_hospital";

/** Contested lines: the hospital contests them and follows them, the region's operators decide. */
export function DisputesPage() {
  const { t } = useTranslation();
  const { invoice = "", accession = "" } = useSearch({ strict: false });
  const { hospital, choices, choose, error } = useHospital();
  const isOperator = useSession().data?.permissions.includes("operate") ?? false;
  return (
    <Page title={t("disputes.title")}>
      <p className="introduction">{t(isOperator ? "disputes.aboutDeciding" : "disputes.about")}</p>
      {error && <ErrorMessage error={error} />}
      {isOperator ? (
        <div className="filters">
          <HospitalChoice label={t("ledger.hospital")} choices={choices} value={hospital} onChange={choose} />
        </div>
      ) : (
        <ContestLine key={`${invoice} ${accession}`} hospital={hospital} invoice={invoice} accession={accession} />
      )}
      <h2>{t("disputes.list")}</h2>
      <List hospital={hospital} isOperator={isOperator} />
    </Page>
  );
}

function List({ hospital, isOperator }: { hospital: string; isOperator: boolean }) {
  const { t } = useTranslation();
  const { data: disputes, error, refetch } = useQuery(disputesQuery(hospital));
  if (error) return <ErrorMessage error={error} onRetry={() => refetch()} />;
  if (!disputes) return <Loading label={t("loading")} />;
  if (disputes.length === 0) return <p className="empty">{t("disputes.empty")}</p>;
  return (
    <ul className="dispute-list">
      {disputes.map((dispute) => (
        <li key={dispute.id} data-state={dispute.state}>
          <DisputeCard dispute={dispute} />
          {isOperator && needsDecision(dispute) && <DecideDispute dispute={dispute} />}
        </li>
      ))}
    </ul>
  );
}

/** Accepted without a credit note: its making failed, and accepting again makes it. */
function needsDecision(dispute: Dispute): boolean {
  return dispute.state === "open" || (dispute.state === "accepted" && !dispute.credit_note);
}

function DisputeCard({ dispute }: { dispute: Dispute }) {
  const { t, i18n } = useTranslation();
  const address = `/api/invoices/${dispute.credit_note}/avoir.pdf?${new URLSearchParams({ hospital: dispute.hospital })}`;
  return (
    <article aria-labelledby={`dispute-${dispute.id}`}>
      <h3 id={`dispute-${dispute.id}`}>
        {t("disputes.of", { accession: dispute.accession_number, invoice: dispute.invoice })}
        <span className={`dispute-state dispute-${dispute.state}`}>{t(`disputes.states.${dispute.state}`)}</span>
      </h3>
      <p>{t(`disputes.reasons.${dispute.reason}`)}</p>
      <ol className="dispute-history" aria-label={t("disputes.history")}>
        {dispute.history.map((step) => (
          <li key={step.at + step.state}>
            <span className="sub">
              {t("disputes.step", {
                state: t(`disputes.steps.${step.state}`),
                by: step.by,
                at: readableInstant(step.at, i18n.language),
              })}
            </span>
            {step.text && <span className="dispute-text">{step.text}</span>}
          </li>
        ))}
      </ol>
      {dispute.credit_note && (
        <p>
          <a href={address}>
            {t("disputes.creditNote", {
              number: dispute.credit_note,
              amount: readableAmount(dispute.credited ?? "0", i18n.language),
            })}
          </a>
        </p>
      )}
    </article>
  );
}
