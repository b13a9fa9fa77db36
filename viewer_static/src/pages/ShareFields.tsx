import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { hospitalsQuery } from "../api/hospitals";
import { useSession } from "../api/session";
import type { ShareKind } from "../api/shares";
import { type DicomJson, hospitalOf, Tag, text } from "../dicomweb/json_model";
import { otherStudiesQuery } from "../dicomweb/qido";
import { hasUsualKey, readRpps } from "./rpps";
import { useStudySummary } from "./study_summary";

export interface Said {
  kind: ShareKind;
  recipient: string;
  label: string;
  message: string;
  passcode: string;
  phoneNumber: string;
}

export const NOTHING_SAID: Said = {
  kind: "link",
  recipient: "",
  label: "",
  message: "",
  passcode: "",
  phoneNumber: "",
};

interface SaidProps {
  said: Said;
  onChange: (more: Partial<Said>) => void;
}

/** With whom: a name for a link, a colleague, a hospital. */
export function Recipient({ said, onChange }: SaidProps) {
  const { t } = useTranslation();
  if (said.kind === "hospital") return <HospitalRecipient said={said} onChange={onChange} />;
  return (
    <>
      {said.kind === "professional" && <RppsRecipient said={said} onChange={onChange} />}
      {said.kind === "user" ? (
        <label className="field">
          <span>{t("share.user")}</span>
          <input
            value={said.recipient}
            required
            maxLength={100}
            autoComplete="off"
            autoCapitalize="none"
            onChange={(event) => onChange({ recipient: event.target.value })}
          />
        </label>
      ) : (
        <label className="field">
          <span>{t(said.kind === "link" ? "share.label" : "share.professionalName")}</span>
          <input
            value={said.label}
            maxLength={100}
            autoComplete="off"
            onChange={(event) => onChange({ label: event.target.value })}
          />
        </label>
      )}
    </>
  );
}

function RppsRecipient({ said, onChange }: SaidProps) {
  const { t } = useTranslation();
  const number = readRpps(said.recipient);
  return (
    <label className="field">
      <span>{t("share.rpps")}</span>
      <input
        value={said.recipient}
        required
        inputMode="numeric"
        maxLength={20}
        autoComplete="off"
        aria-describedby="rpps-hint"
        onChange={(event) => onChange({ recipient: event.target.value })}
      />
      <span className="hint" id="rpps-hint" role="status">
        {t(number && !hasUsualKey(number) ? "share.rppsCheck" : "share.rppsHint")}
      </span>
    </label>
  );
}

function HospitalRecipient({ said, onChange }: SaidProps) {
  const { t } = useTranslation();
  const own = useSession().data?.hospital?.id;
  const { data: hospitals = [] } = useQuery(hospitalsQuery);
  return (
    <label className="field">
      <span>{t("share.hospital")}</span>
      <select value={said.recipient} required onChange={(event) => onChange({ recipient: event.target.value })}>
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

/** What a link asks for besides itself. */
export function LinkSecrets({ said, onChange }: SaidProps) {
  const { t } = useTranslation();
  return (
    <>
      <label className="field">
        <span>{t("share.passcode")}</span>
        <input
          value={said.passcode}
          minLength={6}
          maxLength={64}
          autoComplete="off"
          onChange={(event) => onChange({ passcode: event.target.value })}
        />
        <span className="hint">{t("share.passcodeHint")}</span>
      </label>
      <label className="field">
        <span>{t("share.phone")}</span>
        <input
          type="tel"
          value={said.phoneNumber}
          maxLength={40}
          autoComplete="off"
          onChange={(event) => onChange({ phoneNumber: event.target.value })}
        />
        <span className="hint">{t("share.phoneHint")}</span>
      </label>
    </>
  );
}

interface SeriesProps {
  series: DicomJson[];
  left: ReadonlySet<string>;
  onChange: (left: ReadonlySet<string>) => void;
}

/** Every series unless some are left out. */
export function Series({ series, left, onChange }: SeriesProps) {
  const { t } = useTranslation();
  if (series.length < 2) return null;
  return (
    <details className="choices">
      <summary>{t("share.series", { chosen: series.length - left.size, count: series.length })}</summary>
      {series.map((one) => {
        const uid = text(one, Tag.SeriesInstanceUID);
        const name = [text(one, Tag.Modality), text(one, Tag.SeriesDescription)].filter(Boolean).join(" · ");
        return (
          <label key={uid}>
            <input
              type="checkbox"
              checked={!left.has(uid)}
              onChange={(event) => onChange(changed(left, uid, !event.target.checked))}
            />
            {name || t("study.noSeriesDescription")}
          </label>
        );
      })}
    </details>
  );
}

interface OthersProps {
  study: DicomJson;
  added: ReadonlySet<string>;
  onChange: (added: ReadonlySet<string>) => void;
}

/** Other exams of the same patient that go with it. */
export function OtherExams({ study, added, onChange }: OthersProps) {
  const { t } = useTranslation();
  const { data = [] } = useQuery(otherStudiesQuery(study));
  const summarize = useStudySummary();
  const others = data.filter((other) => hospitalOf(other) === hospitalOf(study)).slice(0, 39);
  if (others.length === 0) return null;
  return (
    <details className="choices">
      <summary>{t("share.others", { count: added.size })}</summary>
      {others.map((other) => {
        const uid = text(other, Tag.StudyInstanceUID);
        const { day, description, modalities } = summarize(other);
        return (
          <label key={uid}>
            <input
              type="checkbox"
              checked={added.has(uid)}
              onChange={(event) => onChange(changed(added, uid, event.target.checked))}
            />
            {[day, modalities.join("/"), description].filter(Boolean).join(" · ")}
          </label>
        );
      })}
    </details>
  );
}

function changed(set: ReadonlySet<string>, uid: string, isIn: boolean): ReadonlySet<string> {
  const next = new Set(set);
  if (isIn) next.add(uid);
  else next.delete(uid);
  return next;
}
