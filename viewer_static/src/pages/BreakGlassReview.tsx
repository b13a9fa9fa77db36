import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { type BrokenGlass, brokenGlassesQuery, reviewBrokenGlass } from "../api/care";
import { ErrorMessage } from "../components/ErrorMessage";
import { Loading, Page } from "../components/Page";
import { readableInstant } from "./format";

/** The privacy officer's queue: every emergency access to the hospital's patients, and whether it was justified. */
export function BreakGlassReviewPage() {
  const { t } = useTranslation();
  const { data: uses, error, refetch } = useQuery(brokenGlassesQuery);
  const open = uses?.filter((use) => use.review === "open").length ?? 0;
  return (
    <Page title={t("breakGlassReview.title")}>
      <p className="introduction">{t("breakGlassReview.introduction")}</p>
      {error && !uses && <ErrorMessage error={error} onRetry={() => refetch()} />}
      {!error && !uses && <Loading label={t("loading")} />}
      {uses && (
        <p role="status" className="strong">
          {t("breakGlassReview.open", { count: open })}
        </p>
      )}
      <ul className="share-list">
        {uses?.map((use) => (
          <Use key={use.id} use={use} />
        ))}
      </ul>
    </Page>
  );
}

function Use({ use }: { use: BrokenGlass }) {
  const { t, i18n } = useTranslation();
  const instant = (value: string) => readableInstant(value, i18n.language);
  return (
    <li className="share-card" data-review={use.review}>
      <h2>{use.professional}</h2>
      <span className={use.review === "open" ? "state state-over" : "state"}>
        {t(`breakGlassReview.states.${use.review}`)}
      </span>
      <dl className="facts">
        {[
          ["when", t("breakGlassReview.period", { from: instant(use.at), until: instant(use.expires_at) })],
          ["patient", use.patient_id],
          ["reason", t(`breakGlass.reasons.${use.reason}`)],
          ["explanation", use.explanation],
          ["reviewed", use.reviewed_at ? `${use.reviewed_by}, ${instant(use.reviewed_at)}` : ""],
          ["comment", use.comment],
        ]
          .filter(([, value]) => value)
          .map(([name, value]) => (
            <div key={name}>
              <dt>{t(`breakGlassReview.${name}`)}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
      {use.review === "open" && <Finding use={use} />}
    </li>
  );
}

function Finding({ use }: { use: BrokenGlass }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [comment, setComment] = useState("");
  const [isMissing, setMissing] = useState(false);
  const reviewing = useMutation({
    mutationFn: (justified: boolean) => reviewBrokenGlass(use.id, justified, comment),
    onSettled: () => queryClient.invalidateQueries({ queryKey: brokenGlassesQuery.queryKey }),
  });
  function find(justified: boolean) {
    setMissing(!justified && !comment.trim());
    if (justified || comment.trim()) reviewing.mutate(justified);
  }
  return (
    <div className="form finding">
      <label className="field">
        <span>{t("breakGlassReview.comment")}</span>
        <textarea
          value={comment}
          maxLength={1000}
          rows={2}
          aria-invalid={isMissing}
          onChange={(event) => setComment(event.target.value)}
        />
      </label>
      {isMissing && (
        <p className="message message-error" role="alert">
          {t("breakGlassReview.commentMissing")}
        </p>
      )}
      {reviewing.error && <ErrorMessage error={reviewing.error} />}
      <div className="desk-actions">
        <Button className="button" onPress={() => find(true)} isDisabled={reviewing.isPending}>
          {t("breakGlassReview.justified")}
        </Button>
        <Button className="button button-danger" onPress={() => find(false)} isDisabled={reviewing.isPending}>
          {t("breakGlassReview.notJustified")}
        </Button>
      </div>
    </div>
  );
}
