import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useLocation } from "@tanstack/react-router";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { type CareRelation, careRelationsQuery, declareCare, endCare, openPriors, type PatientId } from "../api/care";
import { hospitalsQuery } from "../api/hospitals";
import { SESSION_KEY, useSession } from "../api/session";
import { ErrorMessage, kindOf } from "../components/ErrorMessage";
import { FormDialog } from "../components/FormDialog";
import { type DicomJson, hospitalOf, readableDay, Tag, text } from "../dicomweb/json_model";
import { BreakGlass } from "./BreakGlass";
import { readableParisDay } from "./format";

/** Exams that other hospitals have of a study's patient, before they are opened; and the ways to them. */
export function Priors({ study }: { study: DicomJson }) {
  const { t } = useTranslation();
  const { data: session } = useSession();
  const named = hospitalOf(study);
  const isOwn = Boolean(session?.hospital) && (named === "" || named === session?.hospital?.id);
  const patient = { patient_id: text(study, Tag.PatientID), issuer: text(study, Tag.IssuerOfPatientID) };
  const mayDeclare = Boolean(session?.permissions.includes("declare-care")) && isOwn && patient.patient_id !== "";
  const { data: relations = [], error, isFetched } = useQuery({ ...careRelationsQuery(patient), enabled: mayDeclare });
  const section = useArrivalFromWorklist(isFetched);
  if (!mayDeclare) return null;
  return (
    <section className="priors" aria-labelledby="priors" ref={section}>
      <h2 id="priors">{t("priors.title")}</h2>
      {error && <ErrorMessage error={error} />}
      {!error && relations.length === 0 && <p className="sub">{t("priors.none")}</p>}
      {relations.map((relation) => (
        <Relation key={relation.id} patient={patient} relation={relation} />
      ))}
      <div className="desk-actions">
        <FormDialog label={t("priors.declare")} title={t("priors.declareTitle")}>
          {(close) => <DeclareForm patient={patient} onClose={close} />}
        </FormDialog>
        <BreakGlass study={study} />
      </div>
    </section>
  );
}

/** Who came by the link of a worklist's row is led here, once there is something to see. */
function useArrivalFromWorklist(isThere: boolean) {
  const section = useRef<HTMLElement>(null);
  const isMeant = useLocation({ select: ({ hash }) => hash === "priors" });
  useEffect(() => {
    if (isMeant && isThere) section.current?.scrollIntoView({ block: "start" });
  }, [isMeant, isThere]);
  return section;
}

function Relation({ patient, relation }: { patient: PatientId; relation: CareRelation }) {
  const { t, i18n } = useTranslation();
  const queryClient = useQueryClient();
  const { data: session } = useSession();
  const refresh = () => queryClient.invalidateQueries({ predicate: (query) => query.queryKey[0] !== SESSION_KEY[0] });
  const opening = useMutation({ mutationFn: () => openPriors(patient, relation.id), onSettled: refresh });
  const ending = useMutation({ mutationFn: () => endCare(patient, relation.id), onSettled: refresh });
  const failure = opening.error ?? ending.error;
  return (
    <div className="prior" data-relation={relation.id}>
      <h3>{relation.hospital_name}</h3>
      {relation.exams.length === 0 && <p className="sub">{t("priors.nothing")}</p>}
      <ul className="links">
        {relation.exams.map((exam) => {
          const what = exam.description || t("worklist.noDescription");
          return (
            <li key={exam.study_instance_uid}>
              {relation.is_open ? (
                <Link to="/studies/$study" params={{ study: exam.study_instance_uid }}>
                  {what}
                </Link>
              ) : (
                <span>{what}</span>
              )}
              <span className="sub">
                {readableDay(exam.study_date, i18n.language)} · {exam.modalities.join(", ")}
              </span>
            </li>
          );
        })}
      </ul>
      <p className="sub">
        {t("priors.declaredBy", {
          name: relation.declared_by,
          until: readableParisDay(relation.expires_at, i18n.language),
        })}
      </p>
      {failure && <ErrorMessage error={failure} />}
      <div className="desk-actions">
        {!relation.is_open && relation.exams.length > 0 && session?.permissions.includes("open-priors") && (
          <Button
            className="button button-small"
            aria-label={t("priors.openOf", { hospital: relation.hospital_name })}
            onPress={() => opening.mutate()}
            isDisabled={opening.isPending}
          >
            {t("priors.open")}
          </Button>
        )}
        <Button
          className="button button-quiet button-small"
          aria-label={t("priors.endOf", { hospital: relation.hospital_name })}
          onPress={() => ending.mutate()}
          isDisabled={ending.isPending}
        >
          {t("priors.end")}
        </Button>
      </div>
    </div>
  );
}

export function HospitalField({ value, onChange }: { value: string; onChange: (hospital: string) => void }) {
  const { t } = useTranslation();
  const own = useSession().data?.hospital?.id;
  const { data: hospitals = [] } = useQuery(hospitalsQuery);
  return (
    <label className="field">
      <span>{t("share.hospital")}</span>
      <select value={value} required onChange={(event) => onChange(event.target.value)}>
        <option value="">{t("share.choose")}</option>
        {hospitals
          .filter(({ id }) => id !== own)
          .map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
      </select>
    </label>
  );
}

function DeclareForm({ patient, onClose }: { patient: PatientId; onClose: () => void }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [said, setSaid] = useState({ hospital: "", patient_id: "" });
  const [isInformed, setInformed] = useState(false);
  const declaring = useMutation({
    mutationFn: () => declareCare(patient, { ...said, patient_id: said.patient_id.trim() }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: careRelationsQuery(patient).queryKey });
      onClose();
    },
  });
  function submit(event: FormEvent) {
    event.preventDefault();
    if (!declaring.isPending) declaring.mutate();
  }
  const kind = declaring.error ? kindOf(declaring.error) : undefined;
  return (
    <form className="form" onSubmit={submit}>
      <p>{t("priors.about")}</p>
      <HospitalField value={said.hospital} onChange={(hospital) => setSaid({ ...said, hospital })} />
      <label className="field">
        <span>{t("priors.patientThere")}</span>
        <input
          value={said.patient_id}
          required
          maxLength={64}
          autoComplete="off"
          onChange={(event) => setSaid({ ...said, patient_id: event.target.value })}
        />
        <span className="hint">{t("priors.checked")}</span>
      </label>
      <div className="choices">
        <label>
          <input
            type="checkbox"
            required
            checked={isInformed}
            onChange={(event) => setInformed(event.target.checked)}
          />
          {t("priors.informed")}
        </label>
      </div>
      {kind && (
        <p className="message message-error" role="alert">
          {kind === "not-found"
            ? t("priors.unknown")
            : kind === "forbidden"
              ? t("priors.opposed")
              : t(`failure.${kind}`)}
        </p>
      )}
      <div className="dialog-actions">
        <Button className="button button-quiet" onPress={onClose}>
          {t("share.cancel")}
        </Button>
        <Button className="button" type="submit" isDisabled={declaring.isPending}>
          {t("priors.submit")}
        </Button>
      </div>
    </form>
  );
}
