import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { useSession } from "../api/session";
import { revokeShare, type Share, type SharedStudy, sharesQuery, shareUsesQuery } from "../api/shares";
import { ErrorMessage } from "../components/ErrorMessage";
import { Loading, Page } from "../components/Page";
import { readableDay as readableDicomDay } from "../dicomweb/json_model";
import { readableInstant } from "./format";
import { SharesOfMyExams } from "./SharesOfOthers";

/** What the reader shared: with whom, until when, whether it was opened, and an end to it. */
export function SharesPage() {
  const { t } = useTranslation();
  const { data: shares, error, refetch } = useQuery(sharesQuery);
  const isPatient = useSession().data?.permissions.includes("manage-grants") ?? false;
  return (
    <Page title={t("shares.title")}>
      <p className="introduction">{t("shares.introduction")}</p>
      {error && !shares && <ErrorMessage error={error} onRetry={() => refetch()} />}
      {!error && !shares && <Loading label={t("loading")} />}
      {shares?.length === 0 && <p className="empty">{t("shares.empty")}</p>}
      <ul className="share-list">
        {shares?.map((share) => (
          <ShareCard key={share.id} share={share} />
        ))}
      </ul>
      {isPatient && <SharesOfMyExams />}
    </Page>
  );
}

/** A study in a line: whose, what, when. */
export function useStudyLine(): (study: SharedStudy) => string {
  const { t, i18n } = useTranslation();
  return (study) =>
    [
      study.patient_name.replaceAll("^", " ").trim() || t("worklist.noName"),
      study.description || t("worklist.noDescription"),
      readableDicomDay(study.study_date, i18n.language),
    ]
      .filter(Boolean)
      .join(" · ");
}

function ShareCard({ share }: { share: Share }) {
  const { t, i18n } = useTranslation();
  const line = useStudyLine();
  const instant = (value: string) => readableInstant(value, i18n.language);
  const kind = t(`shares.kinds.${share.kind}`);
  const uses =
    share.maximum_uses > 0
      ? t("shares.usesOf", { count: share.uses, maximum: share.maximum_uses })
      : t(share.kind === "link" ? "shares.uses" : "shares.usedBy", { count: share.uses });
  const isEndedByOthers = share.revoked_by !== "" && share.revoked_by !== "maker";
  const terms = [
    share.studies.some((study) => study.series.length > 0) && t("shares.someSeries"),
    !share.reports && t("shares.noReports"),
    !share.download && t("shares.noDownload"),
    share.has_passcode && t("shares.withPasscode"),
    share.phone_number_ends_in && t("shares.withPhone", { digits: share.phone_number_ends_in }),
    share.under_access && t("shares.underAccess"),
  ].filter(Boolean);
  return (
    <li className="share-card" data-share={share.id}>
      <h2>{share.recipient ? `${kind} · ${share.recipient}` : kind}</h2>
      <span className={share.state === "live" ? "state" : "state state-over"}>{t(`shares.states.${share.state}`)}</span>
      {isEndedByOthers && <p className="sub">{t(`shares.endedBy.${share.revoked_by}`)}</p>}
      <ul className="links">
        {share.studies.map((study) => (
          <li key={study.study_instance_uid}>{line(study)}</li>
        ))}
      </ul>
      <p className="sub">
        {t("shares.period", { from: instant(share.created_at), until: instant(share.expires_at) })}
        {terms.length > 0 && ` · ${terms.join(", ")}`}
      </p>
      <Uses share={share} label={uses} />
      <p className="sub">{t("shares.reference", { id: share.id })}</p>
      {share.state !== "revoked" && share.state !== "expired" && <Revoke share={share} />}
    </li>
  );
}

function Uses({ share, label }: { share: Share; label: string }) {
  const { t, i18n } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  const { data: opened = [] } = useQuery({ ...shareUsesQuery(share.id), enabled: isOpen });
  if (share.uses === 0) return <p className="sub">{label}</p>;
  return (
    <details className="share-uses" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{label}</summary>
      <ul>
        {opened.map(({ at, network, who }, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a list that only grows at its end
          <li key={index}>
            {[
              who,
              network
                ? t("shares.openedFrom", { at: readableInstant(at, i18n.language), network })
                : readableInstant(at, i18n.language),
            ]
              .filter(Boolean)
              .join(" : ")}
          </li>
        ))}
      </ul>
    </details>
  );
}

function Revoke({ share }: { share: Share }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const revoking = useMutation({
    mutationFn: () => revokeShare(share.id),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: sharesQuery.queryKey }),
  });
  return (
    <>
      <Button
        className="button button-quiet button-small"
        aria-label={t("shares.revokeOf", { recipient: share.recipient || t(`shares.kinds.${share.kind}`) })}
        onPress={() => revoking.mutate()}
        isDisabled={revoking.isPending}
      >
        {t("shares.revoke")}
      </Button>
      {revoking.error && <ErrorMessage error={revoking.error} />}
    </>
  );
}
