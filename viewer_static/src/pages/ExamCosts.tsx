import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { examCostsQuery } from "../api/dashboard";
import { readableAmount, readableBytes, readableDay, readableInstant } from "./format";

/** What each of the latest exams costs the archive, beside what is paid for it. */
export function ExamCosts({ hospital }: { hospital: string }) {
  const { t, i18n } = useTranslation();
  const { data } = useQuery(examCostsQuery(hospital));
  if (!data || data.exams.length === 0) return null;
  const cost = (text: string) =>
    new Intl.NumberFormat(i18n.language, {
      style: "currency",
      currency: data.currency,
      maximumFractionDigits: 6,
    }).format(Number(text));
  return (
    <section className="statement" aria-labelledby="exam-costs-title">
      <h2 id="exam-costs-title">{t("examCosts.title")}</h2>
      <p className="introduction">
        {t("examCosts.introduction", {
          list: data.price_list,
          day: readableDay(data.valid_from, i18n.language),
          rate: Number(data.euro_rate).toLocaleString(i18n.language),
          unchecked: data.unchecked.length,
        })}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by the keyboard */}
      <section className="table-scroll" aria-label={t("examCosts.title")} tabIndex={0}>
        <table className="data">
          <caption className="sr-only">{t("examCosts.title")}</caption>
          <thead>
            <tr>
              {(
                [
                  "accessionNumber",
                  "modalities",
                  "recordedAt",
                  "instances",
                  "size",
                  "archiving",
                  "storageMonth",
                  "firstYear",
                  "paid",
                ] as const
              ).map((column, index) => (
                <th key={column} scope="col" className={index > 2 ? "number" : undefined}>
                  {t(`examCosts.${column}`)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {data.exams.map((exam) => (
              <tr key={`${exam.accession_number} ${exam.recorded_at}`}>
                <th scope="row">{exam.accession_number || "–"}</th>
                <td>{exam.modalities.join(", ")}</td>
                <td>{readableInstant(exam.recorded_at, i18n.language)}</td>
                <td className="number">{exam.instances.toLocaleString(i18n.language)}</td>
                <td className="number">{readableBytes(exam.size_bytes, i18n.language)}</td>
                <td className="number">{cost(exam.archiving)}</td>
                <td className="number">{cost(exam.storage_month)}</td>
                <td className="number">{readableAmount(exam.first_year_euro, i18n.language)}</td>
                <td className="number">
                  {readableAmount(exam.price, i18n.language)}
                  {exam.credit_note && ` (${t("examCosts.credited", { number: exam.credit_note })})`}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}
