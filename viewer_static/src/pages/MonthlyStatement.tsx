import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type Statement, statementQuery } from "../api/ledger";
import { readableAmount } from "./format";

/** What the month costs so far, by kind of exam: quantities, unit prices, VAT, total. */
export function MonthlyStatement({ hospital, period }: { hospital: string; period: string }) {
  const { t } = useTranslation();
  const { data } = useQuery(statementQuery(hospital, period));
  if (!data || data.lines.length === 0) return null;
  return (
    <section className="statement" aria-labelledby="statement-title">
      <h2 id="statement-title">{t(data.is_over ? "statement.title" : "statement.titleSoFar")}</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by the keyboard */}
      <section className="table-scroll" aria-label={t("statement.caption")} tabIndex={0}>
        <StatementTable statement={data} />
      </section>
      <p className="introduction">{t("statement.priceList", { version: data.price_list })}</p>
    </section>
  );
}

function StatementTable({ statement }: { statement: Statement }) {
  const { t, i18n } = useTranslation();
  const amount = (text: string) => readableAmount(text, i18n.language);
  const label = i18n.language.startsWith("fr") ? "label_fr" : "label_en";
  return (
    <table className="data">
      <caption className="sr-only">{t("statement.caption")}</caption>
      <thead>
        <tr>
          {(["label", "quantity", "unitPrice", "amount"] as const).map((column) => (
            <th key={column} scope="col" className={column === "label" ? undefined : "number"}>
              {t(`statement.${column}`)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {statement.lines.map((line) => (
          <tr key={`${line.item} ${line.unit_price} ${line.period}`}>
            <th scope="row">
              {line[label]}
              {line.detail && <span className="sub statement-detail">{line.detail}</span>}
            </th>
            <td className="number">{line.quantity.toLocaleString(i18n.language)}</td>
            <td className="number">
              {amount(line.unit_price)}
              {line.per > 1 && ` / ${line.per.toLocaleString(i18n.language)}`}
            </td>
            <td className="number">{amount(line.amount)}</td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <Total label={t("statement.totalWithoutVat")} amount={amount(statement.total_without_vat)} />
        {statement.vat.map((vat) => (
          <Total
            key={vat.rate}
            label={t("statement.vat", { rate: Number(vat.rate).toLocaleString(i18n.language) })}
            amount={amount(vat.amount)}
          />
        ))}
        <Total label={t("statement.total")} amount={amount(statement.total)} />
      </tfoot>
    </table>
  );
}

function Total({ label, amount }: { label: string; amount: string }) {
  return (
    <tr>
      <th scope="row" colSpan={3}>
        {label}
      </th>
      <td className="number">{amount}</td>
    </tr>
  );
}
