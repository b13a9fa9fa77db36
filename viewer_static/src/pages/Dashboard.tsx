import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Dashboard, type DashboardMonth, dashboardQuery } from "../api/dashboard";
import { hospitalsQuery } from "../api/hospitals";
import { useSession } from "../api/session";
import { ErrorMessage } from "../components/ErrorMessage";
import { Loading, Page } from "../components/Page";
import { BudgetForm } from "./BudgetForm";
import { DashboardPlots } from "./DashboardPlots";
import { ExamCosts } from "./ExamCosts";
import { readableAmount, readableBytes, readableInstant, thisMonth } from "./format";
import { PriceSimulation } from "./PriceSimulation";

/** What a hospital uses, what that costs and what it pays; for the operator the whole region too. */
export function DashboardPage() {
  const { t, i18n } = useTranslation();
  const session = useSession().data;
  const isRegional = session?.hospital === null;
  const { data: hospitals = [] } = useQuery({ ...hospitalsQuery, enabled: isRegional });
  const [chosen, choose] = useState("");
  const hospital = isRegional ? chosen : (session?.hospital?.id ?? "");
  const { data, error, isPending, refetch } = useQuery(dashboardQuery(hospital));
  return (
    <Page title={t("dashboard.title")}>
      <p className="introduction">{t("dashboard.introduction")}</p>
      {isRegional && (
        <div className="filters">
          <label className="field">
            <span>{t("ledger.hospital")}</span>
            <select value={chosen} onChange={(event) => choose(event.target.value)}>
              <option value="">{t("dashboard.region")}</option>
              {hospitals.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        </div>
      )}
      {error && <ErrorMessage error={error} onRetry={() => refetch()} />}
      {!error && isPending && <Loading label={t("loading")} />}
      {data && data.months.length === 0 && <p className="empty">{t("dashboard.empty")}</p>}
      {data && data.months.length > 0 && (
        <>
          <BudgetBanner dashboard={data} />
          <p className="hint">{t("dashboard.madeAt", { time: readableInstant(data.made_at, i18n.language) })}</p>
          <Figures dashboard={data} />
          <DashboardPlots dashboard={data} />
          <Modalities month={data.months[0] as DashboardMonth} />
        </>
      )}
      {hospital && <ExamCosts hospital={hospital} />}
      {hospital && <PriceSimulation hospital={hospital} />}
      {hospital && data && <BudgetForm key={hospital} hospital={hospital} budget={data.budget} />}
    </Page>
  );
}

function BudgetBanner({ dashboard: { budget } }: { dashboard: Dashboard }) {
  const { t, i18n } = useTranslation();
  if (!budget || budget.state === "ok") return null;
  const values = { amount: readableAmount(budget.amount, i18n.language), percent: budget.warn_percent };
  return (
    <div role="alert" className={`message ${budget.state === "passed" ? "message-error" : "message-note"}`}>
      <p>{t(`dashboard.budgetStates.${budget.state}`, values)}</p>
    </div>
  );
}

function Figures({ dashboard }: { dashboard: Dashboard }) {
  const { t, i18n } = useTranslation();
  const month = dashboard.months[0] as DashboardMonth;
  const { forecast } = dashboard;
  const amount = (text: string) => readableAmount(Number(text).toFixed(2), i18n.language);
  const number = (value: number) => value.toLocaleString(i18n.language);
  const isCurrent = month.period === thisMonth();
  return (
    <dl className="figures">
      <Figure name={t("dashboard.exams")} value={number(month.exams)} note={month.period} />
      <Figure name={t("dashboard.price")} value={amount(month.price)} note={t("dashboard.withoutVat")} />
      <Figure
        name={t("dashboard.cost")}
        value={amount(month.cost)}
        note={t(month.cost_is_estimated ? "dashboard.estimated" : "dashboard.billed")}
      />
      <Figure
        name={t("dashboard.margin")}
        value={amount(month.margin)}
        note={
          Number(month.corrections) === 0
            ? t("dashboard.marginNote")
            : t("dashboard.marginCorrected", { amount: amount(month.corrections) })
        }
      />
      {isCurrent && forecast.method !== "none" && (
        <Figure
          name={t("dashboard.forecast")}
          value={amount(forecast.price)}
          note={t("dashboard.interval", { low: amount(forecast.low), high: amount(forecast.high) })}
        />
      )}
      <Figure
        name={t("dashboard.stored")}
        value={readableBytes(month.stored_bytes, i18n.language)}
        note={t("dashboard.storedNote")}
      />
      <Figure
        name={t("dashboard.avoided")}
        value={t("dashboard.filmsAndDiscs", { films: number(month.avoided.films), discs: number(month.avoided.discs) })}
        note={i18n.language.startsWith("fr") ? month.avoided.assumption_fr : month.avoided.assumption_en}
        isWide
      />
    </dl>
  );
}

function Figure({ name, value, note, isWide }: { name: string; value: string; note: ReactNode; isWide?: boolean }) {
  return (
    <div className={isWide ? "figure figure-wide" : "figure"}>
      <dt>{name}</dt>
      <dd className="figure-value">{value}</dd>
      <dd className="hint">{note}</dd>
    </div>
  );
}

function Modalities({ month }: { month: DashboardMonth }) {
  const { t, i18n } = useTranslation();
  const amount = (text: string) => readableAmount(text, i18n.language);
  return (
    <section className="statement" aria-labelledby="modalities-title">
      <h2 id="modalities-title">{t("dashboard.byModality", { period: month.period })}</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by the keyboard */}
      <section className="table-scroll" aria-label={t("dashboard.byModality", { period: month.period })} tabIndex={0}>
        <table className="data">
          <caption className="sr-only">{t("dashboard.byModality", { period: month.period })}</caption>
          <thead>
            <tr>
              {(["modality", "exams", "price", "corrections", "cost", "margin", "marginPerExam"] as const).map(
                (column) => (
                  <th key={column} scope="col" className={column === "modality" ? undefined : "number"}>
                    {t(`dashboard.${column}`)}
                  </th>
                ),
              )}
            </tr>
          </thead>
          <tbody>
            {month.modalities.map((each) => (
              <tr key={each.modality}>
                <th scope="row">{each.modality || t("dashboard.noModality")}</th>
                <td className="number">{each.exams.toLocaleString(i18n.language)}</td>
                <td className="number">{amount(each.price)}</td>
                <td className="number">{amount(each.corrections)}</td>
                <td className="number">{amount(Number(each.cost).toFixed(4))}</td>
                <td className="number">{amount(Number(each.margin).toFixed(4))}</td>
                <td className="number">
                  {each.exams > 0 ? amount((Number(each.margin) / each.exams).toFixed(4)) : "–"}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}
