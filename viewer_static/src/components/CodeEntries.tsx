import { useTranslation } from "react-i18next";
import { readBirthDate, readCode } from "../pages/patient_input";
import { TextEntry } from "./TextEntry";

export interface CodeDraft {
  code: string;
  birthDate: string;
}

export const NO_CODE: CodeDraft = { code: "", birthDate: "" };

/** Code and birth date as they are sent, undefined until both can be right. */
export function readDraft(draft: CodeDraft): { code: string; birthDate: string } | undefined {
  const code = readCode(draft.code);
  const birthDate = readBirthDate(draft.birthDate);
  return code && birthDate ? { code, birthDate } : undefined;
}

interface Props {
  draft: CodeDraft;
  onChange: (draft: CodeDraft) => void;
  /** Whether what cannot be right is to be marked. */
  isChecked: boolean;
}

/** Where the code of a patient's sheet and the birth date are typed. */
export function CodeEntries({ draft, onChange, isChecked }: Props) {
  const { t } = useTranslation();
  return (
    <>
      <TextEntry
        name="code"
        label={t("patientCode.code")}
        hint={t("patientCode.codeHint")}
        value={draft.code}
        onChange={(code) => onChange({ ...draft, code })}
        isInvalid={isChecked && !readCode(draft.code)}
        autoComplete="off"
        input={{ autoCapitalize: "characters", className: "react-aria-Input input-code", maxLength: 40 }}
      />
      <TextEntry
        name="birth-date"
        label={t("patientCode.birthDate")}
        hint={t("patientCode.birthDateHint")}
        value={draft.birthDate}
        onChange={(birthDate) => onChange({ ...draft, birthDate })}
        isInvalid={isChecked && !readBirthDate(draft.birthDate)}
        autoComplete="off"
        input={{ inputMode: "numeric", maxLength: 20 }}
      />
    </>
  );
}
