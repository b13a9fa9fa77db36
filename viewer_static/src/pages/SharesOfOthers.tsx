import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { useSession } from "../api/session";
import {
  endHospitalShare,
  endMyShare,
  hospitalSharesQuery,
  mySharesQuery,
  type ShareOfOthers,
  sharer,
  sharesQuery,
} from "../api/shares";
import { ErrorMessage } from "../components/ErrorMessage";
import { Loading, Page } from "../components/Page";
import { readableInstant } from "./format";
import { useStudyLine } from "./Shares";

/** To a patient: what others shared of the own exams, and an end to it. */
export function SharesOfMyExams() {
  const { t } = useTranslation();
  const { data, error, refetch } = useQuery(mySharesQuery);
  const shares = data?.filter((share) => !share.is_own);
  return (
    <section aria-labelledby="shares-of-others">
      <h2 id="shares-of-others">{t("sharesOfOthers.mine")}</h2>
      <p className="introduction">{t("sharesOfOthers.mineAbout")}</p>
      {error && !data && <ErrorMessage error={error} onRetry={() => refetch()} />}
      {!error && !data && <Loading label={t("loading")} />}
      {shares?.length === 0 && <p className="empty">{t("sharesOfOthers.mineEmpty")}</p>}
      <ul className="share-list">
        {shares?.map((share) => (
          <Card key={share.id} share={share} end={() => endMyShare(share.id)} />
        ))}
      </ul>
    </section>
  );
}

/** To a hospital's PACS manager: what is shared of its exams, by whomever. */
export function HospitalSharesPage() {
  const { t } = useTranslation();
  const hospital = useSession().data?.hospital?.id ?? "";
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(
    hospitalSharesQuery(hospital),
  );
  const shares = data?.pages.flatMap((page) => page.shares);
  return (
    <Page title={t("sharesOfOthers.hospital")}>
      <p className="introduction">{t("sharesOfOthers.hospitalAbout")}</p>
      {error && !data && <ErrorMessage error={error} onRetry={() => refetch()} />}
      {!error && !data && <Loading label={t("loading")} />}
      {shares?.length === 0 && <p className="empty">{t("sharesOfOthers.hospitalEmpty")}</p>}
      <ul className="share-list">
        {shares?.map((share) => (
          <Card key={share.id} share={share} end={() => endHospitalShare(hospital, share.id)} />
        ))}
      </ul>
      {hasNextPage && (
        <Button className="button button-quiet" onPress={() => fetchNextPage()} isDisabled={isFetchingNextPage}>
          {t(isFetchingNextPage ? "loading" : "sharesOfOthers.older")}
        </Button>
      )}
    </Page>
  );
}

function Card({ share, end }: { share: ShareOfOthers; end: () => Promise<void> }) {
  const { t, i18n } = useTranslation();
  const line = useStudyLine();
  const queryClient = useQueryClient();
  const ending = useMutation({
    mutationFn: end,
    onSettled: () =>
      queryClient.invalidateQueries({
        predicate: ({ queryKey }) =>
          [mySharesQuery.queryKey[0], sharesQuery.queryKey[0], "hospital-shares"].includes(String(queryKey[0])),
      }),
  });
  const instant = (value: string) => readableInstant(value, i18n.language);
  const kind = t(`shares.kinds.${share.kind}`);
  const to = share.recipient ? `${kind} · ${share.recipient}` : kind;
  const terms = [
    !share.reports && t("shares.noReports"),
    !share.download && t("shares.noDownload"),
    t(share.kind === "link" ? "shares.uses" : "shares.usedBy", { count: share.uses }),
  ].filter(Boolean);
  return (
    <li className="share-card" data-share={share.id}>
      <h3>{to}</h3>
      <span className={share.state === "live" ? "state" : "state state-over"}>{t(`shares.states.${share.state}`)}</span>
      <p className="strong">{t("sharesOfOthers.by", { name: sharer(share.from) })}</p>
      <ul className="links">
        {share.studies.map((study) => (
          <li key={study.study_instance_uid}>{line(study)}</li>
        ))}
      </ul>
      <p className="sub">
        {t("shares.period", { from: instant(share.created_at), until: instant(share.expires_at) })}
        {` · ${terms.join(", ")}`}
      </p>
      <Button
        className="button button-quiet button-small"
        aria-label={t("sharesOfOthers.endOf", { name: sharer(share.from), recipient: to })}
        onPress={() => ending.mutate()}
        isDisabled={ending.isPending}
      >
        {t("sharesOfOthers.end")}
      </Button>
      {ending.error && <ErrorMessage error={ending.error} />}
    </li>
  );
}
