import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { Button, Form } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { RequestFailed } from "../api/http";
import { type AccessGrant, accessGrantsQuery, endAccess, presentCode, shortenAccess } from "../api/patients";
import { SESSION_KEY, useSession } from "../api/session";
import { CodeEntries, NO_CODE, readDraft } from "../components/CodeEntries";
import { ErrorMessage } from "../components/ErrorMessage";
import { Loading, Page } from "../components/Page";
import { BreakGlass } from "./BreakGlass";
import { readableDay } from "./format";
import { MyProxies } from "./MyProxies";
import { OppositionChoice } from "./OppositionChoice";
import { CodeFailure } from "./PatientSignIn";

/** To a professional: access to a patient by the patient's code. To a patient: who has access, and ending it. */
export function AccessPage() {
  const permissions = useSession().data?.permissions ?? [];
  return permissions.includes("manage-grants") ? <OwnAccess /> : <PatientAccess />;
}

function PatientAccess() {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [draft, setDraft] = useState(NO_CODE);
  const [isChecked, setChecked] = useState(false);
  const presenting = useMutation({
    mutationFn: (right: { code: string; birthDate: string }) => presentCode(right.code, right.birthDate),
    onSuccess: () => {
      setDraft(NO_CODE);
      void queryClient.resetQueries({ predicate: (query) => query.queryKey[0] !== SESSION_KEY[0] });
    },
  });
  const right = readDraft(draft);
  function submit(event: FormEvent) {
    event.preventDefault();
    setChecked(!right);
    if (right && !presenting.isPending) presenting.mutate(right);
  }
  return (
    <Page title={t("access.present")}>
      <p className="introduction">{t("access.presentAbout")}</p>
      <Form onSubmit={submit} className="form desk-form" validationBehavior="aria">
        <CodeEntries draft={draft} onChange={setDraft} isChecked={isChecked} />
        {isChecked && !right ? (
          <p className="message message-error" role="alert">
            {t("patientCode.incomplete")}
          </p>
        ) : (
          presenting.error && <PresentFailure error={presenting.error} />
        )}
        {presenting.data && !presenting.isPending && (
          <p className="message message-note" role="status">
            {t("access.given")} <Link to="/">{t("access.toExams")}</Link>
          </p>
        )}
        <Button type="submit" className="button">
          {t(presenting.isPending ? "patientCode.wait" : "access.submit")}
        </Button>
      </Form>
      <BreakGlass />
      <h2>{t("access.patients")}</h2>
      <Grants nobody={t("access.noPatients")} />
    </Page>
  );
}

function PresentFailure({ error }: { error: Error }) {
  const { t } = useTranslation();
  if (error instanceof RequestFailed && error.kind === "not-found") {
    return (
      <p className="message message-error" role="alert">
        {t("access.wrong")}
      </p>
    );
  }
  return <CodeFailure error={error} />;
}

function OwnAccess() {
  const { t } = useTranslation();
  const mayDecide = useSession().data?.permissions.includes("decide-for-oneself") ?? false;
  return (
    <Page title={t("access.own")}>
      <p className="introduction">{t("access.ownAbout")}</p>
      <Grants nobody={t("access.nobody")} />
      {mayDecide && (
        <>
          <MyProxies />
          <OppositionChoice />
        </>
      )}
    </Page>
  );
}

function Grants({ nobody }: { nobody: string }) {
  const { t } = useTranslation();
  const { data: grants, error, refetch } = useQuery(accessGrantsQuery);
  const isOwn = useSession().data?.permissions.includes("manage-grants") ?? false;
  if (error) return <ErrorMessage error={error} onRetry={() => refetch()} />;
  if (!grants) return <Loading label={t("loading")} />;
  if (grants.length === 0) return <p className="empty">{nobody}</p>;
  return (
    <ul className="access-list">
      {grants.map((grant) => (
        <Grant key={grant.id} grant={grant} isOwn={isOwn} />
      ))}
    </ul>
  );
}

function Grant({ grant, isOwn }: { grant: AccessGrant; isOwn: boolean }) {
  const { t, i18n } = useTranslation();
  const queryClient = useQueryClient();
  const [isShortening, setShortening] = useState(false);
  const ending = useMutation({
    mutationFn: () => endAccess(grant.id),
    onSuccess: () => queryClient.invalidateQueries(accessGrantsQuery),
  });
  const day = (value: string) => readableDay(value.slice(0, 10), i18n.language);
  return (
    <li>
      <div>
        <span className="strong">{isOwn ? grant.professional : t("patient.id", { id: grant.patient_id })}</span>
        {grant.basis !== "code" && <span className="sub">{t(`access.basis.${grant.basis}`)}</span>}
        <span className="sub">{t("access.period", { from: day(grant.granted_at), until: day(grant.expires_at) })}</span>
      </div>
      {isOwn && (
        <div className="desk-actions">
          <Button
            className="button button-quiet"
            aria-expanded={isShortening}
            aria-label={t("access.shortenOf", { professional: grant.professional })}
            onPress={() => setShortening(!isShortening)}
          >
            {t("access.shorten")}
          </Button>
          <Button
            className="button button-quiet"
            aria-label={t("access.endOf", { professional: grant.professional })}
            onPress={() => ending.mutate()}
          >
            {t(ending.isPending ? "patientCode.wait" : "access.end")}
          </Button>
        </div>
      )}
      {isShortening && <Shorten grant={grant} onDone={() => setShortening(false)} />}
      {ending.error && <ErrorMessage error={ending.error} />}
    </li>
  );
}

function Shorten({ grant, onDone }: { grant: AccessGrant; onDone: () => void }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [day, setDay] = useState("");
  const shortening = useMutation({
    mutationFn: () => shortenAccess(grant.id, day),
    onSuccess: async () => {
      await queryClient.invalidateQueries(accessGrantsQuery);
      onDone();
    },
  });
  function submit(event: FormEvent) {
    event.preventDefault();
    if (day && !shortening.isPending) shortening.mutate();
  }
  const latest = new Date(new Date(grant.expires_at).getTime() - 86_400_000).toISOString().slice(0, 10);
  return (
    <Form onSubmit={submit} className="form desk-form" validationBehavior="aria">
      <label className="field">
        <span>{t("access.lastDay")}</span>
        <input
          type="date"
          name="until"
          value={day}
          min={new Date().toISOString().slice(0, 10)}
          max={latest}
          onChange={(event) => setDay(event.target.value)}
        />
      </label>
      {shortening.error && <ErrorMessage error={shortening.error} />}
      <Button type="submit" className="button" isDisabled={!day}>
        {t(shortening.isPending ? "patientCode.wait" : "access.shortenConfirm")}
      </Button>
    </Form>
  );
}
