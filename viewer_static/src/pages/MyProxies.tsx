import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { endMyProxy, myProxiesQuery, type Representative } from "../api/proxies";
import { ErrorMessage } from "../components/ErrorMessage";
import { lastDay } from "./format";

/** To a patient: who acts in the patient's name, and an end to a mandate. */
export function MyProxies() {
  const { t } = useTranslation();
  const { data: proxies, error, refetch } = useQuery(myProxiesQuery);
  return (
    <section className="my-proxies" aria-labelledby="my-proxies">
      <h2 id="my-proxies">{t("proxy.mine")}</h2>
      <p>{t("proxy.mineAbout")}</p>
      {error && <ErrorMessage error={error} onRetry={() => refetch()} />}
      {proxies?.length === 0 && <p className="empty">{t("proxy.nobody")}</p>}
      <ul className="access-list">
        {proxies?.map((proxy) => (
          <Mine key={proxy.id} proxy={proxy} />
        ))}
      </ul>
    </section>
  );
}

function Mine({ proxy }: { proxy: Representative }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const ending = useMutation({
    mutationFn: () => endMyProxy(proxy.id),
    onSuccess: () => queryClient.invalidateQueries(myProxiesQuery),
  });
  return (
    <li>
      <ProxyLines proxy={proxy} />
      {proxy.may_be_ended_by_patient ? (
        <Button
          className="button button-quiet"
          aria-label={t("proxy.endOf", { name: proxy.name })}
          onPress={() => ending.mutate()}
        >
          {t(ending.isPending ? "patientCode.wait" : "proxy.end")}
        </Button>
      ) : (
        <span className="sub">{t("proxy.endAtDesk")}</span>
      )}
      {ending.error && <ErrorMessage error={ending.error} />}
    </li>
  );
}

/** Who somebody is, on what it rests, until when. */
export function ProxyLines({ proxy }: { proxy: Representative }) {
  const { t, i18n } = useTranslation();
  return (
    <div>
      <span className="strong">{proxy.name}</span>
      <span className="sub">{t(`proxy.relations.${proxy.relation}`)}</span>
      <span className="sub">{t("proxy.basedOn", { basis: proxy.basis, by: proxy.registered_by })}</span>
      <span className="sub">{t("proxy.until", { day: lastDay(proxy.ends_at, i18n.language) })}</span>
    </div>
  );
}
