import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { type Budget, putBudget } from "../api/dashboard";
import { ErrorMessage } from "../components/ErrorMessage";

/** A hospital's budget a month; whoever subscribed is told when it is near, passed, or expected to be. */
export function BudgetForm({ hospital, budget }: { hospital: string; budget: Budget | null }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [amount, setAmount] = useState(budget?.amount ?? "");
  const [percent, setPercent] = useState(String(budget?.warn_percent ?? 80));
  const saving = useMutation({
    mutationFn: () =>
      putBudget(hospital, { amount: amount.trim().replace(",", ".") || "0", warn_percent: Number(percent) }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["dashboard"] }),
  });
  function submit(event: FormEvent) {
    event.preventDefault();
    saving.mutate();
  }
  return (
    <section className="statement" aria-labelledby="budget-title">
      <h2 id="budget-title">{t("budget.title")}</h2>
      <p className="introduction">{t("budget.introduction")}</p>
      <form className="filters" onSubmit={submit} onChange={() => saving.reset()}>
        <label className="field">
          <span>{t("budget.amount")}</span>
          <input
            inputMode="decimal"
            pattern="[0-9]{1,9}([.,][0-9]{1,2})?"
            title={t("budget.amountFormat")}
            value={amount}
            onChange={(event) => setAmount(event.target.value)}
          />
        </label>
        <label className="field">
          <span>{t("budget.warnPercent")}</span>
          <input
            type="number"
            min={1}
            max={100}
            required
            value={percent}
            onChange={(event) => setPercent(event.target.value)}
          />
        </label>
        <Button type="submit" className="button" isDisabled={saving.isPending}>
          {t("budget.submit")}
        </Button>
      </form>
      {saving.error && <ErrorMessage error={saving.error} />}
      <p role="status">{saving.isSuccess && t("budget.saved")}</p>
    </section>
  );
}
