import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { type Dispute, decideDispute, disputesQuery } from "../api/disputes";
import { invoicesQuery } from "../api/ledger";
import { ErrorMessage, kindOf } from "../components/ErrorMessage";

/** To operators: accept a dispute, whereupon a credit note is issued, or refuse it and say why. */
export function DecideDispute({ dispute }: { dispute: Dispute }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [text, setText] = useState("");
  const [needsText, setNeedsText] = useState(false);
  const deciding = useMutation({
    mutationFn: (outcome: "accepted" | "refused") => decideDispute(dispute, outcome, text.trim()),
    onSettled: () =>
      Promise.all([
        queryClient.invalidateQueries(disputesQuery(dispute.hospital)),
        queryClient.invalidateQueries(invoicesQuery(dispute.hospital)),
      ]),
  });
  function decide(outcome: "accepted" | "refused") {
    const isLacking = outcome === "refused" && text.trim() === "";
    setNeedsText(isLacking);
    if (!isLacking && !deciding.isPending) deciding.mutate(outcome);
  }
  return (
    <div className="form dispute-decision">
      {dispute.state === "open" && (
        <label className="field">
          <span>{t("disputes.decisionText")}</span>
          <textarea
            rows={2}
            maxLength={500}
            value={text}
            aria-invalid={needsText || undefined}
            onChange={(event) => setText(event.target.value)}
          />
        </label>
      )}
      {needsText && (
        <p className="message message-error" role="alert">
          {t("disputes.needsText")}
        </p>
      )}
      {deciding.error &&
        (kindOf(deciding.error) === "conflict" ? (
          <p className="message message-error" role="alert">
            {t("disputes.decidedAlready")}
          </p>
        ) : (
          <ErrorMessage error={deciding.error} />
        ))}
      <div className="dispute-actions">
        <Button className="button" onPress={() => decide("accepted")}>
          {t(deciding.isPending ? "patientCode.wait" : dispute.state === "open" ? "disputes.accept" : "disputes.again")}
        </Button>
        {dispute.state === "open" && (
          <Button className="button button-quiet" onPress={() => decide("refused")}>
            {t("disputes.refuse")}
          </Button>
        )}
      </div>
    </div>
  );
}
