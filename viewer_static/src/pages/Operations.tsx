import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { type OperationsList, type OperationsRow, operationsQuery } from "../api/operations";
import { ErrorMessage } from "../components/ErrorMessage";
import { HospitalChoice } from "../components/HospitalChoice";
import { Loading, Page } from "../components/Page";
import { EndShareById } from "./EndShareById";
import { readableBytes, readableInstant } from "./format";
import { useHospital } from "./use_hospital";

const LISTS = ["rejections", "conflicts", "notifications", "queues"] as const;
const COLUMNS: Readonly<Record<OperationsList, readonly string[]>> = {
  rejections: ["received_at", "reason", "detail", "calling_ae_title", "size_bytes", "object_key", "correlation_id"],
  conflicts: ["received_at_ms", "reason", "study_instance_uid", "series_instance_uid", "sop_instance_uid", "digest"],
  notifications: ["changed_at", "state", "detail", "study_instance_uid"],
  queues: ["name", "available", "in_flight", "delayed"],
};
/** Columns of identifiers, which may be long and have no words. */
const CODES = /_uid$|_key$|_id$|digest/;

/** What the region's operators watch: each list should be empty, or explained. */
export function OperationsPage() {
  const { t } = useTranslation();
  const { hospital, choices, choose, error } = useHospital();
  const [list, setList] = useState<OperationsList | "shares">("rejections");
  return (
    <Page title={t("operations.title")}>
      <div className="filters">
        <HospitalChoice label={t("operations.hospital")} choices={choices} value={hospital} onChange={choose} />
      </div>
      {error && <ErrorMessage error={error} />}
      <Tabs className="tabs" selectedKey={list} onSelectionChange={(key) => setList(key as OperationsList | "shares")}>
        <TabList className="tab-list" aria-label={t("operations.tabs")}>
          {LISTS.map((name) => (
            <Tab key={name} id={name} className="tab">
              {t(`operations.${name}`)}
            </Tab>
          ))}
          <Tab id="shares" className="tab">
            {t("endShare.title")}
          </Tab>
        </TabList>
        {LISTS.map((name) => (
          <TabPanel key={name} id={name} className="tab-panel">
            <p className="introduction">{t(`operations.about.${name}`)}</p>
            <List list={name} hospital={hospital} />
          </TabPanel>
        ))}
        <TabPanel id="shares" className="tab-panel">
          <p className="introduction">{t("endShare.about")}</p>
          <EndShareById />
        </TabPanel>
      </Tabs>
    </Page>
  );
}

function List({ list, hospital }: { list: OperationsList; hospital: string }) {
  const { t } = useTranslation();
  const { data: rows, error, refetch } = useQuery(operationsQuery(list, hospital));
  if (error && !rows) return <ErrorMessage error={error} onRetry={() => refetch()} />;
  if (!rows) return <Loading label={t("loading")} />;
  if (rows.length === 0) return <p className="empty">{t("operations.empty")}</p>;
  return <Rows list={list} rows={rows} />;
}

function Rows({ list, rows }: { list: OperationsList; rows: OperationsRow[] }) {
  const { t } = useTranslation();
  const columns = COLUMNS[list];
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by the keyboard
    <section className="table-scroll" aria-label={t(`operations.${list}`)} tabIndex={0}>
      <table className="data">
        <caption className="sr-only">{t(`operations.${list}`)}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col">
                {t(`operations.columns.${column}`, { defaultValue: column })}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={JSON.stringify(row)}>
              {columns.map((column) => (
                <Value key={column} column={column} value={row[column] ?? ""} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Value({ column, value }: { column: string; value: string | number }) {
  const { t, i18n } = useTranslation();
  if (column.endsWith("_at") || column.endsWith("_at_ms")) return <td>{readableInstant(value, i18n.language)}</td>;
  if (column === "size_bytes") return <td className="number">{readableBytes(Number(value), i18n.language)}</td>;
  if (column === "reason" || column === "state") {
    return <td>{t(`operations.reasons.${value}`, { defaultValue: String(value) })}</td>;
  }
  if (typeof value === "number") return <td className="number">{value}</td>;
  if (column === "detail") return <td className="sentence">{value}</td>;
  return <td className={CODES.test(column) ? "code" : undefined}>{value}</td>;
}
