import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { Dashboard, DashboardMonth } from "../api/dashboard";
import { Plot, type PlotSeries } from "../components/Plot";
import { examsByDay, growthOf } from "./dashboard_values";
import { readableAmount, readableDay, thisMonth } from "./format";

const DAYS_SHOWN = 60;

/** Use by day, the month's price with its forecast, and price, cost and margin by month. */
export function DashboardPlots({ dashboard }: { dashboard: Dashboard }) {
  const isCurrent = dashboard.months[0]?.period === thisMonth();
  return (
    <div className="plots">
      <UsePlot months={dashboard.months} />
      {isCurrent && <ForecastPlot dashboard={dashboard} />}
      <MonthsPlot months={dashboard.months} />
    </div>
  );
}

function UsePlot({ months }: { months: DashboardMonth[] }) {
  const { t, i18n } = useTranslation();
  const props = useMemo(() => {
    const found = examsByDay(months);
    const [days, exams] = [found.days.slice(-DAYS_SHOWN), found.exams.slice(-DAYS_SHOWN)];
    const total = exams.reduce((sum, value) => sum + value, 0);
    const most = Math.max(0, ...exams);
    const format = (value: number) => value.toLocaleString(i18n.language);
    const day = readableDay(days[exams.indexOf(most)] ?? "", i18n.language);
    return {
      title: t("dashboard.plots.use"),
      summary: t("dashboard.plots.useSummary", { total: format(total), days: days.length, most: format(most), day }),
      labels: days,
      series: [{ label: t("dashboard.exams"), values: exams, kind: "bars", color: "--teal" }] as PlotSeries[],
      format,
      readableLabel: (label: string) => readableDay(label, i18n.language),
    };
  }, [months, t, i18n.language]);
  return props.labels.length > 0 ? <Plot {...props} /> : null;
}

function ForecastPlot({ dashboard }: { dashboard: Dashboard }) {
  const { t, i18n } = useTranslation();
  const props = useMemo(() => {
    const { forecast, budget, months } = dashboard;
    const growth = growthOf(months[0] as DashboardMonth, forecast);
    const amount = (value: number) => readableAmount(value.toFixed(2), i18n.language);
    const series: PlotSeries[] = [
      { label: t("dashboard.plots.soFar"), values: growth.actual, kind: "line", color: "--teal" },
      { label: t("dashboard.plots.expected"), values: growth.expected, kind: "dashed", color: "--clay" },
      { label: t("dashboard.plots.low"), values: growth.low, kind: "bound", color: "--clay" },
      { label: t("dashboard.plots.high"), values: growth.high, kind: "bound", color: "--clay" },
    ];
    if (budget) {
      const values = growth.days.map(() => Number(budget.amount));
      series.push({ label: t("dashboard.plots.budget"), values, kind: "dashed", color: "--leaf" });
    }
    return {
      title: t("dashboard.plots.growth"),
      summary: t(`dashboard.methods.${forecast.method}`, {
        price: amount(Number(forecast.price)),
        low: amount(Number(forecast.low)),
        high: amount(Number(forecast.high)),
        days: forecast.days_seen,
      }),
      labels: growth.days,
      series,
      format: amount,
      readableLabel: (label: string) => readableDay(label, i18n.language),
    };
  }, [dashboard, t, i18n.language]);
  return <Plot {...props} />;
}

function MonthsPlot({ months }: { months: DashboardMonth[] }) {
  const { t, i18n } = useTranslation();
  const props = useMemo(() => {
    const ordered = [...months].reverse();
    const amount = (value: number) => readableAmount(value.toFixed(2), i18n.language);
    const sum = (field: "price" | "cost" | "margin") => ordered.reduce((total, each) => total + Number(each[field]), 0);
    const of = (field: "price" | "cost" | "margin") => ordered.map((each) => Number(each[field]));
    return {
      title: t("dashboard.plots.months"),
      summary: t("dashboard.plots.monthsSummary", {
        count: ordered.length,
        price: amount(sum("price")),
        cost: amount(sum("cost")),
        margin: amount(sum("margin")),
      }),
      labels: ordered.map(({ period }) => period),
      series: [
        { label: t("dashboard.price"), values: of("price"), kind: "bars", color: "--teal" },
        { label: t("dashboard.cost"), values: of("cost"), kind: "line", color: "--clay" },
        { label: t("dashboard.margin"), values: of("margin"), kind: "dashed", color: "--leaf" },
      ] as PlotSeries[],
      format: amount,
      readableLabel: (label: string) => label,
    };
  }, [months, t, i18n.language]);
  return <Plot {...props} />;
}
