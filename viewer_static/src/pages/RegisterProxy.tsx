import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Button, Form } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { type ProxyRequest, proxiesQuery, RELATIONS, type Relation, registerProxy } from "../api/proxies";
import { ErrorMessage, kindOf } from "../components/ErrorMessage";
import { TextEntry } from "../components/TextEntry";
import { IdentityCheck } from "./Factors";
import { CodeSheet } from "./HandOver";
import { readBirthDate } from "./patient_input";

const NOTHING = {
  relation: "parent" as Relation,
  name: "",
  basis: "",
  phone: "",
  until: "",
  birthDate: "",
  patient: "",
};

/** At the desk: registers somebody who acts for a patient, and shows the code with its sheet, once. */
export function RegisterProxy({ patientId, issuer }: { patientId: string; issuer: string }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [isOpen, setOpen] = useState(false);
  const registering = useMutation({
    mutationFn: (body: ProxyRequest) => registerProxy(patientId, issuer, body),
    onSuccess: () => {
      setOpen(false);
      void queryClient.invalidateQueries(proxiesQuery(patientId, issuer));
    },
  });
  if (isOpen) {
    return (
      <ProxyForm
        isPending={registering.isPending}
        error={registering.error}
        onSubmit={(body) => registering.mutate(body)}
        onCancel={() => setOpen(false)}
      />
    );
  }
  return (
    <>
      {registering.data && <CodeSheet key={registering.data.code} given={registering.data} />}
      <div className="desk-actions desk-add">
        <Button
          className="button button-quiet"
          onPress={() => {
            registering.reset();
            setOpen(true);
          }}
        >
          {t("proxy.register")}
        </Button>
      </div>
    </>
  );
}

interface FormProps {
  isPending: boolean;
  error: Error | null;
  onSubmit: (body: ProxyRequest) => void;
  onCancel: () => void;
}

function ProxyForm({ isPending, error, onSubmit, onCancel }: FormProps) {
  const { t } = useTranslation();
  const [draft, setDraft] = useState(NOTHING);
  const [isSeen, setSeen] = useState(false);
  const [isChecked, setChecked] = useState(false);
  const say = (more: Partial<typeof NOTHING>) => setDraft({ ...draft, ...more });
  const body = bodyOf(draft, isSeen);
  function submit(event: FormEvent) {
    event.preventDefault();
    setChecked(!body);
    if (body && !isPending) onSubmit(body);
  }
  return (
    <Form onSubmit={submit} className="form desk-form" validationBehavior="aria" aria-label={t("proxy.register")}>
      <RelationChoice relation={draft.relation} onChange={(relation) => say({ relation })} />
      <ProxyEntries draft={draft} say={say} isChecked={isChecked} />
      <IdentityCheck isSeen={isSeen} onChange={setSeen} />
      {isChecked && !body ? (
        <p className="message message-error" role="alert">
          {t("proxy.incomplete")}
        </p>
      ) : (
        error && (kindOf(error) === "bad-request" ? <Refused /> : <ErrorMessage error={error} />)
      )}
      <div className="desk-actions">
        <Button type="submit" className="button">
          {t(isPending ? "patientCode.wait" : "proxy.handOver")}
        </Button>
        <Button className="button button-quiet" onPress={onCancel}>
          {t("share.cancel")}
        </Button>
      </div>
    </Form>
  );
}

function Refused() {
  const { t } = useTranslation();
  return (
    <p className="message message-error" role="alert">
      {t("proxy.refused")}
    </p>
  );
}

/** What is sent; undefined until it can be right. */
function bodyOf(draft: typeof NOTHING, isSeen: boolean): ProxyRequest | undefined {
  const birthDate = readBirthDate(draft.birthDate);
  const [name, basis, phone, patient] = [draft.name, draft.basis, draft.phone, draft.patient].map((text) =>
    text.trim(),
  );
  const needsDay = draft.relation !== "parent";
  if (!birthDate || !name || !basis || basis.length < 3 || !isSeen || (needsDay && !draft.until)) return undefined;
  return {
    identity_checked: true,
    birth_date: birthDate,
    relation: draft.relation,
    name,
    basis,
    ...(phone ? { phone_number: phone } : {}),
    ...(needsDay ? { until: draft.until } : {}),
    ...(patient ? { patient_name: patient } : {}),
  };
}

function RelationChoice({ relation, onChange }: { relation: Relation; onChange: (relation: Relation) => void }) {
  const { t } = useTranslation();
  return (
    <fieldset className="choices">
      <legend>{t("proxy.relation")}</legend>
      {RELATIONS.map((each) => (
        <label key={each}>
          <input type="radio" name="relation" checked={relation === each} onChange={() => onChange(each)} />
          <span>
            {t(`proxy.relations.${each}`)}
            <span className="hint">{t(`proxy.hints.${each}`)}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

interface EntriesProps {
  draft: typeof NOTHING;
  say: (more: Partial<typeof NOTHING>) => void;
  isChecked: boolean;
}

function ProxyEntries({ draft, say, isChecked }: EntriesProps) {
  const { t } = useTranslation();
  return (
    <>
      <TextEntry
        name="proxy-name"
        label={t("proxy.name")}
        value={draft.name}
        onChange={(name) => say({ name })}
        isInvalid={isChecked && !draft.name.trim()}
        autoComplete="off"
        input={{ maxLength: 100 }}
      />
      <TextEntry
        name="proxy-basis"
        label={t("proxy.basis")}
        hint={t(`proxy.basisHints.${draft.relation}`)}
        value={draft.basis}
        onChange={(basis) => say({ basis })}
        isInvalid={isChecked && draft.basis.trim().length < 3}
        autoComplete="off"
        input={{ maxLength: 200 }}
      />
      {draft.relation !== "parent" && (
        <label className="field">
          <span>{t("proxy.lastDay")}</span>
          <input
            type="date"
            name="until"
            value={draft.until}
            onChange={(event) => say({ until: event.target.value })}
          />
        </label>
      )}
      <TextEntry
        name="proxy-phone"
        label={t("proxy.phone")}
        hint={t("proxy.phoneHint")}
        value={draft.phone}
        onChange={(phone) => say({ phone })}
        autoComplete="off"
        input={{ inputMode: "tel", maxLength: 30 }}
      />
      <TextEntry
        name="proxy-birth-date"
        label={t("proxy.birthDate")}
        hint={t("patientCode.birthDateHint")}
        value={draft.birthDate}
        onChange={(birthDate) => say({ birthDate })}
        isInvalid={isChecked && !readBirthDate(draft.birthDate)}
        autoComplete="off"
        input={{ inputMode: "numeric", maxLength: 20 }}
      />
      <TextEntry
        name="proxy-patient-name"
        label={t("proxy.patientName")}
        hint={t("desk.nameHint")}
        value={draft.patient}
        onChange={(patient) => say({ patient })}
        autoComplete="off"
        input={{ maxLength: 100 }}
      />
    </>
  );
}
