import { useState } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import type { MachineWithSecret } from "../api/machines";

/** A machine's id and new secret, which nobody can show again, until they are noted. */
export function MachineSecretShown({ machine, onNoted }: { machine: MachineWithSecret; onNoted: () => void }) {
  const { t } = useTranslation();
  return (
    <div className="form">
      <p className="message message-note" role="status">
        {t("machines.shownOnce")}
      </p>
      <dl className="facts secret">
        <Copied label={t("machines.clientId")} value={machine.client_id} />
        <Copied label={t("machines.secret")} value={machine.client_secret} />
        <Copied label={t("machines.tokenAddress")} value={`${location.origin}/api/oauth2/token`} />
      </dl>
      <div className="dialog-actions">
        <Button className="button" onPress={onNoted}>
          {t("machines.noted")}
        </Button>
      </div>
    </div>
  );
}

function Copied({ label, value }: { label: string; value: string }) {
  const { t } = useTranslation();
  const [isCopied, setCopied] = useState(false);
  const copy = () =>
    navigator.clipboard.writeText(value).then(
      () => setCopied(true),
      // Refused by the browser: it can be selected by hand.
      () => setCopied(false),
    );
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        <code>{value}</code>{" "}
        <Button
          className="button button-quiet button-small"
          aria-label={t("machines.copyOf", { what: label })}
          onPress={copy}
        >
          {t(isCopied ? "machines.copied" : "machines.copy")}
        </Button>
      </dd>
    </div>
  );
}
