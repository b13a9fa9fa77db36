import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { invoicesQuery, type LedgerLine, ledgerQuery } from "../api/ledger";
import { useSession } from "../api/session";
import { ErrorMessage } from "../components/ErrorMessage";
import { HospitalChoice } from "../components/HospitalChoice";
import { Loading, Page } from "../components/Page";
import { readableInstant, thisMonth } from "./format";
import { Invoices } from "./Invoices";
import { MonthlyStatement } from "./MonthlyStatement";
import { useHospital } from "./use_hospital";

/** What a hospital owes for, line by line. */
export function LedgerPage() {
  const { t } = useTranslation();
  const { hospital, choices, choose, error: hospitalsError } = useHospital();
  const [period, setPeriod] = useState(thisMonth());
  const { data, error, isPending, hasNextPage, fetchNextPage, isFetchingNextPage, refetch } = useInfiniteQuery(
    ledgerQuery(hospital, period),
  );
  const isOperator = useSession().data?.permissions.includes("operate") ?? false;
  const invoices = useQuery(invoicesQuery(hospital)).data?.invoices ?? [];
  const invoice = invoices.find((one) => one.period === period && one.kind === "invoice")?.number;
  const lines = data?.pages.flatMap((page) => page.lines) ?? [];
  const failure = hospitalsError ?? error;
  return (
    <Page title={t("ledger.title")}>
      <p className="introduction">{t("ledger.introduction")}</p>
      <div className="filters">
        <HospitalChoice label={t("ledger.hospital")} choices={choices} value={hospital} onChange={choose} />
        <label className="field">
          <span>{t("ledger.period")}</span>
          <input
            type="month"
            value={period}
            required
            onChange={(event) => event.target.value && setPeriod(event.target.value)}
          />
        </label>
      </div>
      {failure && <ErrorMessage error={failure} onRetry={() => refetch()} />}
      {!failure && isPending && <Loading label={t("loading")} />}
      <MonthlyStatement hospital={hospital} period={period} />
      <Invoices hospital={hospital} />
      {data && lines.length === 0 && <p className="empty">{t("ledger.empty")}</p>}
      {lines.length > 0 && <Lines lines={lines} invoice={isOperator ? undefined : invoice} />}
      {hasNextPage && (
        <Button className="button button-quiet" isDisabled={isFetchingNextPage} onPress={() => fetchNextPage()}>
          {t("ledger.more")}
        </Button>
      )}
    </Page>
  );
}

/** Lines, with a way to contest each when they are on an invoice of one's own. */
function Lines({ lines, invoice }: { lines: LedgerLine[]; invoice: string | undefined }) {
  const { t, i18n } = useTranslation();
  return (
    <>
      <p role="status">{t("ledger.total", { count: lines.length })}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by the keyboard */}
      <section className="table-scroll" aria-label={t("ledger.caption")} tabIndex={0}>
        <table className="data">
          <caption className="sr-only">{t("ledger.caption")}</caption>
          <thead>
            <tr>
              {(["seq", "event", "eventTime", "accessionNumber", "study", "recordedAt", "hash"] as const).map(
                (column) => (
                  <th key={column} scope="col">
                    {t(`ledger.${column}`)}
                  </th>
                ),
              )}
              {invoice && <th scope="col">{t("disputes.column")}</th>}
            </tr>
          </thead>
          <tbody>
            {lines.map((line) => (
              <tr key={line.seq}>
                <td className="number">{line.seq}</td>
                <th scope="row">{t(`ledger.events.${line.event}`, { defaultValue: line.event })}</th>
                <td>{readableInstant(line.event_time, i18n.language)}</td>
                <td>{line.accession_number}</td>
                <td className="code">{line.study_instance_uid}</td>
                <td>{readableInstant(line.recorded_at, i18n.language)}</td>
                <td className="code" title={line.hash}>
                  {line.hash.slice(0, 12)}
                </td>
                {invoice && (
                  <td>
                    {line.accession_number && (
                      <Link
                        to="/disputes"
                        search={{ invoice, accession: line.accession_number }}
                        aria-label={t("disputes.contestOf", { accession: line.accession_number })}
                      >
                        {t("disputes.contest")}
                      </Link>
                    )}
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}
