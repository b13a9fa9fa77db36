import { useMutation } from "@tanstack/react-query";
import { type ChangeEvent, useId } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { type AuditEvent, fetchAnchor, fetchReceipt } from "../api/audit";
import { problemsOfReceipt, type Receipt, type ReceiptProblem } from "../api/receipt";
import { kindOf } from "./ErrorMessage";
import { saveFile } from "./save_file";

/** Downloads the proof that an event is in the trail. */
export function ReceiptButton({ event, label }: { event: AuditEvent; label: string }) {
  const { t } = useTranslation();
  const fetching = useMutation({
    mutationFn: () => fetchReceipt(event),
    onSuccess: (receipt) =>
      saveFile(
        new Blob([JSON.stringify(receipt, null, 1)], { type: "application/json" }),
        `${t("trail.receiptFile")}-${event.key.slice(0, 13)}.json`,
      ),
  });
  return (
    <>
      <Button
        className="button button-quiet button-small"
        aria-label={t("trail.receiptOf", { event: label })}
        onPress={() => fetching.mutate()}
        isDisabled={fetching.isPending}
      >
        {t("trail.receipt")}
      </Button>
      {fetching.error && (
        <p className="message message-error" role="alert">
          {t(kindOf(fetching.error) === "unavailable" ? "trail.notSealed" : `failure.${kindOf(fetching.error)}`)}
        </p>
      )}
    </>
  );
}

interface Checked {
  problems: ReceiptProblem[];
  receipt: Receipt | null;
  /** Whether the anchor itself could be compared. */
  isAnchored: boolean;
}

async function check(file: File): Promise<Checked> {
  let receipt: Receipt;
  try {
    receipt = JSON.parse(await file.text());
  } catch {
    return { problems: ["unreadable"], receipt: null, isAnchored: false };
  }
  const day = receipt?.anchor?.day;
  const anchor = day ? await fetchAnchor(day) : undefined;
  return { problems: await problemsOfReceipt(receipt, anchor), receipt, isAnchored: anchor !== undefined };
}

/** Checks a receipt that somebody kept: the computation is the browser's, the anchor is asked for. */
export function ReceiptCheck() {
  const { t } = useTranslation();
  const id = useId();
  const checking = useMutation({ mutationFn: check });
  function choose(event: ChangeEvent<HTMLInputElement>) {
    const file = event.target.files?.[0];
    if (file) checking.mutate(file);
  }
  const found = checking.data;
  return (
    <section className="receipt-check">
      <h2>{t("trail.checkTitle")}</h2>
      <p className="introduction">{t("trail.checkAbout")}</p>
      <label className="field" htmlFor={id}>
        <span>{t("trail.checkFile")}</span>
        <input id={id} type="file" accept="application/json,.json" onChange={choose} />
      </label>
      {checking.error && (
        <p className="message message-error" role="alert">
          {t(`failure.${kindOf(checking.error)}`)}
        </p>
      )}
      {found && found.problems.length > 0 && (
        <div className="message message-error" role="alert">
          {found.problems.map((problem) => (
            <p key={problem}>{t(`trail.wrong.${problem}`)}</p>
          ))}
        </div>
      )}
      {found && found.problems.length === 0 && (
        <p className="message message-note" role="status">
          {t(found.isAnchored ? "trail.rightAnchored" : "trail.right", { day: found.receipt?.anchor?.day ?? "" })}
        </p>
      )}
    </section>
  );
}
