import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { breakGlass, REASONS, type Reason } from "../api/care";
import { SESSION_KEY, useSession } from "../api/session";
import { kindOf } from "../components/ErrorMessage";
import { FormDialog } from "../components/FormDialog";
import { type DicomJson, Tag, text } from "../dicomweb/json_model";
import { readableInstant } from "./format";
import { HospitalField } from "./Priors";

/** In an emergency: the button, and what has to be said first. A study names its patient. */
export function BreakGlass({ study }: { study?: DicomJson }) {
  const { t } = useTranslation();
  if (!useSession().data?.permissions.includes("break-glass")) return null;
  return (
    <FormDialog
      label={t("breakGlass.action")}
      title={t("breakGlass.title")}
      className="button button-danger button-small"
    >
      {(close) => <BreakGlassForm study={study} onClose={close} />}
    </FormDialog>
  );
}

function namesOf(study?: DicomJson) {
  const name = (study?.[Tag.PatientName]?.Value?.[0] as { Alphabetic?: string } | undefined)?.Alphabetic ?? "";
  const [family = "", given = ""] = name.split("^");
  const birth = study ? text(study, Tag.PatientBirthDate) : "";
  const birthDate = /^\d{8}$/.test(birth) ? `${birth.slice(0, 4)}-${birth.slice(4, 6)}-${birth.slice(6)}` : "";
  return { family_name: family, given_name: given, birth_date: birthDate, patient_id: "" };
}

function BreakGlassForm({ study, onClose }: { study?: DicomJson | undefined; onClose: () => void }) {
  const { t, i18n } = useTranslation();
  const queryClient = useQueryClient();
  const [who, setWho] = useState(() => namesOf(study));
  const [said, setSaid] = useState({ hospital: "", reason: "" as Reason | "", explanation: "" });
  const [isById, setById] = useState(false);
  const breaking = useMutation({
    mutationFn: () =>
      breakGlass({
        hospital: said.hospital,
        reason: said.reason as Reason,
        explanation: said.explanation,
        ...(isById
          ? { patient_id: who.patient_id.trim() }
          : {
              family_name: who.family_name.trim(),
              given_name: who.given_name.trim(),
              birth_date: who.birth_date.replaceAll("-", ""),
            }),
      }),
    onSuccess: () => queryClient.invalidateQueries({ predicate: (query) => query.queryKey[0] !== SESSION_KEY[0] }),
  });
  function submit(event: FormEvent) {
    event.preventDefault();
    if (!breaking.isPending) breaking.mutate();
  }
  if (breaking.data) {
    return (
      <div className="form">
        <p className="message message-note" role="status">
          {t("breakGlass.done", { until: readableInstant(breaking.data.expires_at, i18n.language) })}
        </p>
        <div className="dialog-actions">
          <Link to="/" className="button" onClick={onClose}>
            {t("access.toExams")}
          </Link>
        </div>
      </div>
    );
  }
  const kind = breaking.error ? kindOf(breaking.error) : undefined;
  return (
    <form className="form" onSubmit={submit}>
      <p className="message message-warning">{t("breakGlass.about")}</p>
      <HospitalField value={said.hospital} onChange={(hospital) => setSaid({ ...said, hospital })} />
      <Patient who={who} isById={isById} onChange={setWho} onChangeWay={setById} />
      <label className="field">
        <span>{t("breakGlass.reason")}</span>
        <select
          value={said.reason}
          required
          onChange={(event) => setSaid({ ...said, reason: event.target.value as Reason })}
        >
          <option value="">{t("share.choose")}</option>
          {REASONS.map((reason) => (
            <option key={reason} value={reason}>
              {t(`breakGlass.reasons.${reason}`)}
            </option>
          ))}
        </select>
      </label>
      <label className="field">
        <span>{t("breakGlass.explanation")}</span>
        <textarea
          value={said.explanation}
          required
          minLength={10}
          maxLength={500}
          rows={2}
          onChange={(event) => setSaid({ ...said, explanation: event.target.value })}
        />
      </label>
      {kind && (
        <p className="message message-error" role="alert">
          {kind === "not-found"
            ? t("breakGlass.unknown")
            : kind === "conflict"
              ? t("breakGlass.several")
              : t(`failure.${kind}`)}
        </p>
      )}
      <div className="dialog-actions">
        <Button className="button button-quiet" onPress={onClose}>
          {t("share.cancel")}
        </Button>
        <Button className="button button-danger" type="submit" isDisabled={breaking.isPending}>
          {t("breakGlass.submit")}
        </Button>
      </div>
    </form>
  );
}

interface PatientProps {
  who: ReturnType<typeof namesOf>;
  isById: boolean;
  onChange: (who: ReturnType<typeof namesOf>) => void;
  onChangeWay: (isById: boolean) => void;
}

/** By name and birth date, so that nobody needs an identifier in an emergency; by id where names repeat. */
function Patient({ who, isById, onChange, onChangeWay }: PatientProps) {
  const { t } = useTranslation();
  const entries = isById
    ? ([["patient_id", "text"]] as const)
    : ([
        ["family_name", "text"],
        ["given_name", "text"],
        ["birth_date", "date"],
      ] as const);
  return (
    <>
      <div className="field-row">
        {entries.map(([name, type]) => (
          <label className="field" key={name}>
            <span>{t(`breakGlass.${name}`)}</span>
            <input
              type={type}
              value={who[name]}
              required
              maxLength={64}
              autoComplete="off"
              onChange={(event) => onChange({ ...who, [name]: event.target.value })}
            />
          </label>
        ))}
      </div>
      <div className="choices">
        <label>
          <input type="checkbox" checked={isById} onChange={(event) => onChangeWay(event.target.checked)} />
          {t("breakGlass.byId")}
        </label>
      </div>
    </>
  );
}
