import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Button, Form } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { type CodeState, readCodeState, revokeCode } from "../api/patients";
import { ErrorMessage } from "../components/ErrorMessage";
import { Page } from "../components/Page";
import { TextEntry } from "../components/TextEntry";
import { DeskProxies } from "./DeskProxies";
import { Factors } from "./Factors";
import { readableDay } from "./format";
import { HandOver } from "./HandOver";
import { OppositionChoice } from "./OppositionChoice";

/** The desk hands over a patient's code, replaces it, revokes it. */
export function DeskPage() {
  const { t } = useTranslation();
  const [patient, setPatient] = useState({ id: "", issuer: "" });
  const [state, setState] = useState<CodeState>();
  const finding = useMutation({
    mutationFn: () => readCodeState(patient.id.trim(), patient.issuer.trim()),
    onMutate: () => setState(undefined),
    onSuccess: setState,
  });
  function submit(event: FormEvent) {
    event.preventDefault();
    if (patient.id.trim() && !finding.isPending) finding.mutate();
  }
  return (
    <Page title={t("desk.title")}>
      <p className="introduction">{t("desk.introduction")}</p>
      <Form onSubmit={submit} className="form desk-form" validationBehavior="aria" aria-label={t("desk.find")}>
        <TextEntry
          name="patient-id"
          label={t("desk.patientId")}
          value={patient.id}
          onChange={(id) => setPatient({ ...patient, id })}
          autoComplete="off"
          input={{ maxLength: 64 }}
        />
        <TextEntry
          name="issuer"
          label={t("desk.issuer")}
          hint={t("desk.issuerHint")}
          value={patient.issuer}
          onChange={(issuer) => setPatient({ ...patient, issuer })}
          autoComplete="off"
          input={{ maxLength: 64 }}
        />
        <Button type="submit" className="button">
          {t(finding.isPending ? "patientCode.wait" : "desk.find")}
        </Button>
        {finding.error && <ErrorMessage error={finding.error} />}
      </Form>
      {state && (
        <section className="desk-patient" aria-labelledby="desk-patient">
          <h2 id="desk-patient">{t("patient.id", { id: state.patient_id })}</h2>
          <State state={state} />
          <HandOver
            key={`${state.patient_id} ${state.issuer}`}
            state={state}
            onHandedOver={() => setState({ ...state, has_code: true })}
          />
          {state.has_code && <Revoke state={state} onRevoked={() => setState({ ...state, has_code: false })} />}
          <Factors
            key={`factors ${state.patient_id} ${state.issuer}`}
            holder={holderOf(state)}
            title={t("factors.ofPatient")}
          />
          <DeskProxies
            key={`proxies ${state.patient_id} ${state.issuer}`}
            patientId={state.patient_id}
            issuer={state.issuer}
          />
          <OppositionChoice key={state.patient_id} patient={{ patient_id: state.patient_id, issuer: state.issuer }} />
        </section>
      )}
    </Page>
  );
}

function holderOf(state: CodeState) {
  return { patientId: state.patient_id, issuer: state.issuer };
}

function State({ state }: { state: CodeState }) {
  const { t, i18n } = useTranslation();
  const until = state.expires_at ? readableDay(state.expires_at.slice(0, 10), i18n.language) : "";
  return (
    <div role="status">
      <ul className="links">
        <li>{state.has_code ? t(until ? "desk.hasCode" : "desk.hasNewCode", { until }) : t("desk.hasNoCode")}</li>
        <li>
          {state.phone_number_ends_in
            ? t("desk.hasPhone", { digits: state.phone_number_ends_in })
            : t("desk.hasNoPhone")}
        </li>
      </ul>
    </div>
  );
}

function Revoke({ state, onRevoked }: { state: CodeState; onRevoked: () => void }) {
  const { t } = useTranslation();
  const [isAsked, setAsked] = useState(false);
  const revoking = useMutation({
    mutationFn: () => revokeCode(state.patient_id, state.issuer),
    onSuccess: onRevoked,
  });
  return (
    <section aria-labelledby="revoke" className="desk-revoke">
      <h3 id="revoke">{t("desk.revokeTitle")}</h3>
      <p>{t("desk.revokeAbout")}</p>
      {revoking.error && <ErrorMessage error={revoking.error} />}
      {isAsked ? (
        <div className="desk-actions">
          <Button className="button button-danger" onPress={() => revoking.mutate()}>
            {t(revoking.isPending ? "patientCode.wait" : "desk.revokeConfirm")}
          </Button>
          <Button className="button button-quiet" onPress={() => setAsked(false)}>
            {t("desk.revokeCancel")}
          </Button>
        </div>
      ) : (
        <Button className="button button-quiet" onPress={() => setAsked(true)}>
          {t("desk.revoke")}
        </Button>
      )}
    </section>
  );
}
