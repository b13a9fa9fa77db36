import { type FormEvent, useId, useState } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { useModalityName } from "../components/Modality";
import { NO_CRITERIA, type StudyCriteria } from "../dicomweb/qido";

const MODALITIES = ["CT", "MR", "CR", "DX", "US", "MG", "NM", "PT", "XA", "RF", "ES", "DOC", "SR"];

interface Props {
  criteria: StudyCriteria;
  onSearch: (criteria: StudyCriteria) => void;
}

export function WorklistSearch({ criteria, onSearch }: Props) {
  const { t } = useTranslation();
  const modalityName = useModalityName();
  const [draft, setDraft] = useState(criteria);
  const [isOpen, setOpen] = useState(hasMoreThanName(criteria));
  const more = useId();
  const change = (name: keyof StudyCriteria) => (value: string) => setDraft({ ...draft, [name]: value });
  function submit(event: FormEvent) {
    event.preventDefault();
    onSearch(draft);
  }
  function clear() {
    setDraft(NO_CRITERIA);
    onSearch(NO_CRITERIA);
  }
  return (
    <search>
      <form className="search" aria-label={t("worklist.criteria")} onSubmit={submit}>
        <Field label={t("worklist.patientName")} value={draft.patientName} onChange={change("patientName")} />
        <Button
          className="button button-quiet search-more"
          aria-expanded={isOpen}
          aria-controls={more}
          onPress={() => setOpen(!isOpen)}
        >
          {t("worklist.moreCriteria")}
        </Button>
        <div id={more} className={isOpen ? "search-fields is-open" : "search-fields"}>
          <Field label={t("worklist.patientId")} value={draft.patientId} onChange={change("patientId")} />
          <Field
            label={t("worklist.accessionNumber")}
            value={draft.accessionNumber}
            onChange={change("accessionNumber")}
          />
          <Field label={t("worklist.firstDay")} type="date" value={draft.firstDay} onChange={change("firstDay")} />
          <Field label={t("worklist.lastDay")} type="date" value={draft.lastDay} onChange={change("lastDay")} />
          <label className="field">
            <span>{t("worklist.modality")}</span>
            <select value={draft.modality} onChange={(event) => change("modality")(event.target.value)}>
              <option value="">{t("worklist.anyModality")}</option>
              {MODALITIES.map((code) => (
                <option key={code} value={code}>
                  {modalityName(code) === code ? code : `${code} · ${modalityName(code)}`}
                </option>
              ))}
            </select>
          </label>
        </div>
        <div className="search-actions">
          <button type="submit" className="button">
            {t("worklist.search")}
          </button>
          <Button className="button button-quiet" onPress={clear}>
            {t("worklist.clear")}
          </Button>
        </div>
      </form>
    </search>
  );
}

function hasMoreThanName(criteria: StudyCriteria): boolean {
  return JSON.stringify({ ...criteria, patientName: "" }) !== JSON.stringify(NO_CRITERIA);
}

interface FieldProps {
  label: string;
  type?: "text" | "date";
  value: string;
  onChange: (value: string) => void;
}

function Field({ label, type = "text", value, onChange }: FieldProps) {
  return (
    <label className="field">
      <span>{label}</span>
      <input
        type={type}
        value={value}
        maxLength={64}
        autoComplete="off"
        spellCheck="false"
        onChange={(event) => onChange(event.target.value)}
      />
    </label>
  );
}
