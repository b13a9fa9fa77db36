import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Button, Form } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { contestLine, disputesQuery, type NewDispute, REASONS } from "../api/disputes";
import { invoicesQuery } from "../api/ledger";
import { ErrorMessage, kindOf } from "../components/ErrorMessage";

interface Props {
  hospital: string;
  /** Those that one came to contest. */
  invoice: string;
  accession: string;
}

/** The form by which a hospital contests a line of one of its invoices. */
export function ContestLine({ hospital, invoice, accession }: Props) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const { data, error, refetch } = useQuery(invoicesQuery(hospital));
  const invoices = (data?.invoices ?? []).filter((one) => one.kind === "invoice");
  const [draft, setDraft] = useState<NewDispute>({
    invoice,
    accession_number: accession,
    reason: "not-ours",
    text: "",
  });
  const [isChecked, setChecked] = useState(false);
  const wanted = { ...draft, invoice: draft.invoice || invoices[0]?.number || "" };
  const sending = useMutation({
    mutationFn: () => contestLine({ ...wanted, accession_number: wanted.accession_number.trim() }),
    onSuccess: () => {
      setDraft({ ...wanted, accession_number: "", text: "" });
      return queryClient.invalidateQueries(disputesQuery(hospital));
    },
  });
  const isComplete = wanted.accession_number.trim() !== "";
  const set = (change: Partial<NewDispute>) => setDraft({ ...wanted, ...change });
  function submit(event: FormEvent) {
    event.preventDefault();
    setChecked(!isComplete);
    if (isComplete && wanted.invoice !== "" && !sending.isPending) sending.mutate();
  }
  if (error && !data) return <ErrorMessage error={error} onRetry={() => refetch()} />;
  if (data && invoices.length === 0) return <p className="empty">{t("disputes.noInvoice")}</p>;
  return (
    <Form className="form desk-form" onSubmit={submit} validationBehavior="aria">
      <label className="field">
        <span>{t("disputes.invoice")}</span>
        <select value={wanted.invoice} onChange={(event) => set({ invoice: event.target.value })}>
          {invoices.map((one) => (
            <option key={one.number} value={one.number}>
              {t("disputes.invoiceOf", { number: one.number, period: one.period })}
            </option>
          ))}
        </select>
      </label>
      <label className="field">
        <span>{t("disputes.accession")}</span>
        <input
          name="accession"
          value={wanted.accession_number}
          maxLength={64}
          spellCheck="false"
          autoComplete="off"
          aria-invalid={(isChecked && !isComplete) || undefined}
          onChange={(event) => set({ accession_number: event.target.value })}
        />
      </label>
      <label className="field">
        <span>{t("disputes.reason")}</span>
        <select value={wanted.reason} onChange={(event) => set({ reason: event.target.value as NewDispute["reason"] })}>
          {REASONS.map((reason) => (
            <option key={reason} value={reason}>
              {t(`disputes.reasons.${reason}`)}
            </option>
          ))}
        </select>
      </label>
      <label className="field">
        <span>{t("disputes.text")}</span>
        <textarea
          rows={3}
          maxLength={500}
          value={wanted.text}
          aria-describedby="dispute-hint"
          onChange={(event) => set({ text: event.target.value })}
        />
        <span className="hint" id="dispute-hint">
          {t("disputes.textHint")}
        </span>
      </label>
      {isChecked && !isComplete && (
        <p className="message message-error" role="alert">
          {t("disputes.incomplete")}
        </p>
      )}
      {sending.error && <ContestFailure error={sending.error} />}
      {sending.data && !sending.isPending && (
        <p className="message message-note" role="status">
          {t("disputes.sent", { accession: sending.data.accession_number })}
        </p>
      )}
      <Button type="submit" className="button" isDisabled={wanted.invoice === ""}>
        {t(sending.isPending ? "patientCode.wait" : "disputes.submit")}
      </Button>
    </Form>
  );
}

function ContestFailure({ error }: { error: Error }) {
  const { t } = useTranslation();
  const kind = kindOf(error);
  if (kind !== "not-found" && kind !== "conflict" && kind !== "bad-request") return <ErrorMessage error={error} />;
  return (
    <p className="message message-error" role="alert">
      {t(`disputes.failure.${kind}`)}
    </p>
  );
}
