import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { hospitalsQuery } from "../api/hospitals";
import { type Provider, providersQuery, removeProvider } from "../api/identity_providers";
import { ErrorMessage } from "../components/ErrorMessage";
import { FormDialog } from "../components/FormDialog";
import { Loading, Page } from "../components/Page";
import { ProviderForm } from "./ProviderForm";

/** Operators register the OpenID providers of the region, and who becomes what by them. */
export function IdentityProvidersPage() {
  const { t } = useTranslation();
  const { data: providers, error, refetch } = useQuery(providersQuery);
  /** Id of the provider that is being changed, "" for a new one. */
  const [edited, edit] = useState<string>();
  const isNew = edited === "";
  return (
    <Page title={t("providers.title")}>
      <p className="introduction">{t("providers.introduction")}</p>
      {error && !providers && <ErrorMessage error={error} onRetry={() => refetch()} />}
      {!error && !providers && <Loading label={t("loading")} />}
      {isNew ? (
        <section className="share-card" aria-labelledby="new-provider">
          <h2 id="new-provider">{t("providers.add")}</h2>
          <ProviderForm onClose={() => edit(undefined)} />
        </section>
      ) : (
        <p>
          <Button className="button" onPress={() => edit("")}>
            {t("providers.add")}
          </Button>
        </p>
      )}
      {providers?.length === 0 && <p className="empty">{t("providers.empty")}</p>}
      <ul className="share-list">
        {providers?.map((provider) => (
          <li key={provider.id} className="share-card" data-provider={provider.id}>
            <h2>{provider.name}</h2>
            <span className={provider.enabled ? "state" : "state state-over"}>
              {t(provider.enabled ? "providers.offered" : "providers.notOffered")}
            </span>
            {edited === provider.id ? (
              <ProviderForm provider={provider} onClose={() => edit(undefined)} />
            ) : (
              <Shown provider={provider} onEdit={() => edit(provider.id)} />
            )}
          </li>
        ))}
      </ul>
    </Page>
  );
}

function Shown({ provider, onEdit }: { provider: Provider; onEdit: () => void }) {
  const { t } = useTranslation();
  const facts = [
    ["issuer", provider.issuer],
    ["redirectUri", provider.redirect_uri],
    ["clientId", provider.client_id],
    ["secret", provider.secret],
  ] as const;
  return (
    <>
      <dl className="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{t(`providers.${name}`)}</dt>
            <dd>
              <code>{value}</code>
            </dd>
          </div>
        ))}
      </dl>
      <Rules provider={provider} />
      <div className="desk-actions">
        <Button
          className="button button-quiet button-small"
          aria-label={t("providers.changeOf", { name: provider.name })}
          onPress={onEdit}
        >
          {t("providers.change")}
        </Button>
        <FormDialog label={t("providers.remove")} title={t("providers.removeOf", { name: provider.name })}>
          {(close) => <Remove provider={provider} onClose={close} />}
        </FormDialog>
      </div>
    </>
  );
}

function Rules({ provider }: { provider: Provider }) {
  const { t } = useTranslation();
  const { data: hospitals = [] } = useQuery(hospitalsQuery);
  if (provider.rules.length === 0) return <p className="message message-note">{t("providers.noRules")}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by the keyboard
    <section className="table-scroll" aria-label={t("providers.rulesOf", { name: provider.name })} tabIndex={0}>
      <table className="data">
        <caption className="sr-only">{t("providers.rulesAbout")}</caption>
        <thead>
          <tr>
            {(["facts", "role", "hospital"] as const).map((column) => (
              <th key={column} scope="col">
                {t(`providers.${column}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {provider.rules.map((rule) => (
            <tr key={JSON.stringify(rule)}>
              <td className="code">{rule.facts.join(" + ")}</td>
              <td>{t(`providers.roles.${rule.role}`)}</td>
              <td>{hospitals.find(({ id }) => id === rule.hospital)?.name ?? rule.hospital ?? "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Remove({ provider, onClose }: { provider: Provider; onClose: () => void }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const removing = useMutation({
    mutationFn: () => removeProvider(provider),
    onSuccess: async () => {
      onClose();
      await queryClient.invalidateQueries({ queryKey: providersQuery.queryKey });
    },
  });
  return (
    <div className="form">
      <p>{t("providers.removeAbout")}</p>
      {removing.error && <ErrorMessage error={removing.error} />}
      <div className="dialog-actions">
        <Button className="button button-quiet" onPress={onClose}>
          {t("share.cancel")}
        </Button>
        <Button className="button button-danger" onPress={() => removing.mutate()} isDisabled={removing.isPending}>
          {t("providers.removeConfirm")}
        </Button>
      </div>
    </div>
  );
}
