import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { Button, Form } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { type CodeState, type HandedOver, handOverCode, registerContact } from "../api/patients";
import { useSession } from "../api/session";
import { ErrorMessage } from "../components/ErrorMessage";
import { TextEntry } from "../components/TextEntry";
import { isMinor, readBirthDate } from "./patient_input";

const NOTHING = { birthDate: "", name: "", phone: "", consent: false };

/** Registers the phone number if one is given, hands over a code, and shows it with its sheet, once. */
export function HandOver({ state, onHandedOver }: { state: CodeState; onHandedOver: () => void }) {
  const { t } = useTranslation();
  const hospital = useSession().data?.hospital?.id ?? "";
  const [draft, setDraft] = useState(NOTHING);
  const [isChecked, setChecked] = useState(false);
  const birthDate = readBirthDate(draft.birthDate);
  const handing = useMutation({
    mutationFn: async (day: string) => {
      const issuer = state.issuer;
      if (draft.phone.trim()) {
        const contact = { phone_number: draft.phone.trim(), consent: draft.consent };
        await registerContact(hospital, state.patient_id, issuer ? { ...contact, issuer } : contact);
      }
      const name = draft.name.trim();
      return handOverCode({ patient_id: state.patient_id, issuer, birth_date: day, patient_name: name });
    },
    onSuccess: () => {
      setDraft(NOTHING);
      onHandedOver();
    },
  });
  function submit(event: FormEvent) {
    event.preventDefault();
    setChecked(!birthDate);
    if (birthDate && !handing.isPending) handing.mutate(birthDate);
  }
  if (handing.data) return <CodeSheet given={handing.data} />;
  return (
    <Form onSubmit={submit} className="form desk-form" validationBehavior="aria">
      <TextEntry
        name="birth-date"
        label={t("patientCode.birthDate")}
        hint={t("patientCode.birthDateHint")}
        value={draft.birthDate}
        onChange={(value) => setDraft({ ...draft, birthDate: value })}
        isInvalid={isChecked && !birthDate}
        autoComplete="off"
        input={{ inputMode: "numeric", maxLength: 20 }}
      />
      {birthDate && isMinor(birthDate) && (
        <p className="message message-note" role="status">
          {t("proxy.minorNote")}
        </p>
      )}
      <TextEntry
        name="patient-name"
        label={t("desk.name")}
        hint={t("desk.nameHint")}
        value={draft.name}
        onChange={(name) => setDraft({ ...draft, name })}
        autoComplete="off"
        input={{ maxLength: 100 }}
      />
      <TextEntry
        name="phone"
        label={t(state.phone_number_ends_in ? "desk.newPhone" : "desk.phone")}
        hint={t("desk.phoneHint")}
        value={draft.phone}
        onChange={(phone) => setDraft({ ...draft, phone })}
        autoComplete="off"
        input={{ inputMode: "tel", maxLength: 30 }}
      />
      <label className="check">
        <input
          type="checkbox"
          checked={draft.consent}
          onChange={(event) => setDraft({ ...draft, consent: event.target.checked })}
        />
        <span>{t("desk.consent")}</span>
      </label>
      {isChecked && !birthDate ? (
        <p className="message message-error" role="alert">
          {t("desk.birthDateNeeded")}
        </p>
      ) : (
        handing.error && <ErrorMessage error={handing.error} />
      )}
      <Button type="submit" className="button">
        {t(handing.isPending ? "patientCode.wait" : state.has_code ? "desk.replace" : "desk.handOver")}
      </Button>
    </Form>
  );
}

/** The code is on screen until the page is left: it is kept nowhere. */
export function CodeSheet({ given }: { given: Pick<HandedOver, "code" | "sheet_pdf"> }) {
  const { t } = useTranslation();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <section className="code-sheet" aria-labelledby="code-sheet">
      <h3 id="code-sheet" ref={heading} tabIndex={-1}>
        {t("desk.handedOver")}
      </h3>
      <p className="code-shown">{given.code}</p>
      <p>{t("desk.once")}</p>
      <SheetLinks pdf={given.sheet_pdf} name="code-patient.pdf" />
    </section>
  );
}

/** A sheet (PDF in base64) to print or to keep; it is in this page alone. */
export function SheetLinks({ pdf, name }: { pdf: string; name: string }) {
  const { t } = useTranslation();
  const [address, setAddress] = useState("");
  useEffect(() => {
    const bytes = Uint8Array.from(atob(pdf), (character) => character.charCodeAt(0));
    const made = URL.createObjectURL(new Blob([bytes], { type: "application/pdf" }));
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [pdf]);
  if (!address) return null;
  return (
    <div className="desk-actions">
      <a className="button" href={address} target="_blank" rel="noopener">
        {t("desk.print")}
      </a>
      <a className="button button-quiet" href={address} download={name}>
        {t("desk.download")}
      </a>
    </div>
  );
}
