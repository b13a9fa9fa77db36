import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { endOtherSessions, endOwnSession, type OwnSession, ownSessionsQuery } from "../api/own_sessions";
import { identityProvidersQuery, useSession } from "../api/session";
import { ErrorMessage } from "../components/ErrorMessage";
import { Loading, Page } from "../components/Page";
import { readableAgent } from "./agent";
import { readableInstant } from "./format";
import { OwnFactors } from "./OwnFactors";

/** Where the reader is signed in, and an end to it. */
export function SessionsPage() {
  const { t } = useTranslation();
  const { data: session } = useSession();
  const { data: sessions, error, refetch } = useQuery(ownSessionsQuery);
  const ending = useEnding(endOtherSessions);
  return (
    <Page title={t("sessions.title")}>
      <p className="introduction">{t("sessions.introduction")}</p>
      {session?.professional_id && (
        <p>
          {t("sessions.professional", { rpps: session.professional_id })}
          {session.organization && ` · ${t("sessions.organization", { organization: session.organization })}`}
        </p>
      )}
      {error && !sessions && <ErrorMessage error={error} onRetry={() => refetch()} />}
      {!error && !sessions && <Loading label={t("loading")} />}
      <ul className="access-list">
        {sessions?.map((one) => (
          <OneSession key={one.id} session={one} />
        ))}
      </ul>
      {ending.error && <ErrorMessage error={ending.error} />}
      {sessions && sessions.length > 1 && (
        <Button className="button button-danger" onPress={() => ending.mutate()} isDisabled={ending.isPending}>
          {t("sessions.endOthers")}
        </Button>
      )}
      {session?.permissions.includes("manage-second-factors") && <OwnFactors />}
    </Page>
  );
}

function useEnding(end: () => Promise<void>) {
  const queryClient = useQueryClient();
  return useMutation({ mutationFn: end, onSettled: () => queryClient.invalidateQueries(ownSessionsQuery) });
}

function OneSession({ session }: { session: OwnSession }) {
  const { t, i18n } = useTranslation();
  const ending = useEnding(() => endOwnSession(session.id));
  const way = useWay(session.way);
  const instant = (value: string) => readableInstant(value, i18n.language);
  const agent = readableAgent(session.agent) || t("sessions.unknownAgent");
  return (
    <li data-session={session.id}>
      <div>
        <span className="strong">{agent}</span>
        {session.is_current && <span className="state">{t("sessions.current")}</span>}
        <span className="sub">{[session.address, way].filter(Boolean).join(" · ")}</span>
        <span className="sub">
          {t("sessions.times", { since: instant(session.created_at), seen: instant(session.last_seen_at) })}
        </span>
      </div>
      {!session.is_current && (
        <Button
          className="button button-quiet"
          aria-label={t("sessions.endOf", { agent, since: instant(session.created_at) })}
          onPress={() => ending.mutate()}
          isDisabled={ending.isPending}
        >
          {t("sessions.end")}
        </Button>
      )}
      {ending.error && <ErrorMessage error={ending.error} />}
    </li>
  );
}

function useWay(way: string): string {
  const { t } = useTranslation();
  const { data: providers } = useQuery(identityProvidersQuery);
  if (way === "password" || way === "code") return t(`sessions.ways.${way}`);
  return providers?.find(({ id }) => id === way)?.name ?? way;
}
