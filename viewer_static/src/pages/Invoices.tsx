import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { type Invoice, invoicesQuery } from "../api/ledger";
import { readableAmount, readableDay } from "./format";

/** Invoices that were issued, each with its documents. */
export function Invoices({ hospital }: { hospital: string }) {
  const { t } = useTranslation();
  const { data } = useQuery(invoicesQuery(hospital));
  if (!data || data.invoices.length === 0) return null;
  return (
    <section className="statement" aria-labelledby="invoices-title">
      <h2 id="invoices-title">{t("invoices.title")}</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by the keyboard */}
      <section className="table-scroll" aria-label={t("invoices.title")} tabIndex={0}>
        <table className="data">
          <caption className="sr-only">{t("invoices.title")}</caption>
          <thead>
            <tr>
              {(["number", "period", "issuedOn", "dueOn", "total", "documents"] as const).map((column) => (
                <th key={column} scope="col" className={column === "total" ? "number" : undefined}>
                  {t(`invoices.${column}`)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {data.invoices.map((invoice) => (
              <InvoiceRow key={invoice.number} invoice={invoice} hospital={hospital} />
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}

function InvoiceRow({ invoice, hospital }: { invoice: Invoice; hospital: string }) {
  const { t, i18n } = useTranslation();
  const address = (name: string) => `/api/invoices/${invoice.number}/${name}?${new URLSearchParams({ hospital })}`;
  return (
    <tr>
      <th scope="row">
        {invoice.number}
        {invoice.corrects && <span className="sub">{t("invoices.corrects", { number: invoice.corrects })}</span>}
      </th>
      <td>{invoice.period}</td>
      <td>{readableDay(invoice.issued_on, i18n.language)}</td>
      <td>{invoice.due_on ? readableDay(invoice.due_on, i18n.language) : "—"}</td>
      <td className="number">
        {readableAmount(invoice.corrects ? `-${invoice.total}` : invoice.total, i18n.language)}
      </td>
      <td>
        <ul className="document-links">
          {invoice.documents.map((name) => (
            <li key={name}>
              <a href={address(name)}>{t(`invoices.files.${name.replace(".", "_")}`, { defaultValue: name })}</a>
            </li>
          ))}
        </ul>
      </td>
    </tr>
  );
}
