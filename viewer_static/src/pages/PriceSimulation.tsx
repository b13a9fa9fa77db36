import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { simulate } from "../api/dashboard";
import { statementQuery } from "../api/ledger";
import { ErrorMessage } from "../components/ErrorMessage";
import { readableAmount, thisMonth } from "./format";

/** "What if an item had another price": what the month's invoice would be; nothing is kept. */
export function PriceSimulation({ hospital }: { hospital: string }) {
  const { t, i18n } = useTranslation();
  const [period, setPeriod] = useState(thisMonth());
  const { data: statement } = useQuery(statementQuery(hospital, period));
  const [chosen, setItem] = useState("");
  const [price, setPrice] = useState("");
  const items = [...new Map(statement?.lines.map((line) => [line.item, line])).values()];
  const item = items.some((each) => each.item === chosen) ? chosen : (items[0]?.item ?? "");
  const simulating = useMutation({
    mutationFn: () => simulate(hospital, period, item, price.trim().replace(",", ".")),
  });
  const label = i18n.language.startsWith("fr") ? "label_fr" : "label_en";
  const amount = (text: string) => readableAmount(text, i18n.language);
  function submit(event: FormEvent) {
    event.preventDefault();
    simulating.mutate();
  }
  const found = simulating.data;
  return (
    <section className="statement" aria-labelledby="simulation-title">
      <h2 id="simulation-title">{t("simulation.title")}</h2>
      <p className="introduction">{t("simulation.introduction")}</p>
      <form className="filters" onSubmit={submit} onChange={() => simulating.reset()}>
        <label className="field">
          <span>{t("ledger.period")}</span>
          <input
            type="month"
            value={period}
            required
            onChange={(event) => event.target.value && setPeriod(event.target.value)}
          />
        </label>
        <label className="field">
          <span>{t("simulation.item")}</span>
          <select value={item} disabled={items.length === 0} onChange={(event) => setItem(event.target.value)}>
            {items.map((each) => (
              <option key={each.item} value={each.item}>
                {each[label]}
              </option>
            ))}
          </select>
        </label>
        <label className="field">
          <span>{t("simulation.unitPrice")}</span>
          <input
            inputMode="decimal"
            required
            pattern="[0-9]{1,6}([.,][0-9]{1,6})?"
            title={t("simulation.priceFormat")}
            value={price}
            onChange={(event) => setPrice(event.target.value)}
          />
        </label>
        <Button type="submit" className="button" isDisabled={item === "" || simulating.isPending}>
          {t("simulation.submit")}
        </Button>
      </form>
      {items.length === 0 && statement && <p className="hint">{t("simulation.nothing")}</p>}
      {simulating.error && <ErrorMessage error={simulating.error} />}
      <div role="status">
        {found && (
          <p className="message message-note">
            {t("simulation.result", {
              actual: amount(found.actual.total_without_vat),
              simulated: amount(found.simulated.total_without_vat),
              difference: `${Number(found.difference) > 0 ? "+" : ""}${amount(found.difference)}`,
            })}
          </p>
        )}
      </div>
    </section>
  );
}
