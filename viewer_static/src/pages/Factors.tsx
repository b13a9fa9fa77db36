import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { Button, Form } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { type Holder, printCodes, type SecondFactors, secondFactorsQuery } from "../api/proxies";
import { ErrorMessage } from "../components/ErrorMessage";
import { TextEntry } from "../components/TextEntry";
import { SheetLinks } from "./HandOver";
import { Totp } from "./Totp";

/** At the desk: with what a patient, or who acts for one, signs in besides the code, and changes to it. */
export function Factors({ holder, title }: { holder: Holder; title: string }) {
  const heading = useId();
  const { data, error } = useQuery(secondFactorsQuery(holder));
  return (
    <section className="factors" aria-labelledby={heading}>
      <h3 id={heading}>{title}</h3>
      {error && <ErrorMessage error={error} />}
      {data && (
        <>
          <FactorLines factors={data} />
          <Totp holder={holder} hasTotp={data.totp} />
          <Printed holder={holder} hasList={data.printed_codes_left !== null} />
        </>
      )}
    </section>
  );
}

/** What somebody can sign in with, in words. */
export function FactorLines({ factors }: { factors: SecondFactors }) {
  const { t } = useTranslation();
  const { phone_number_ends_in: digits, totp, printed_codes_left: left } = factors;
  return (
    <ul className="links">
      <li>{digits ? t("factors.phone", { digits }) : t("factors.noPhone")}</li>
      <li>{t(totp ? "factors.totp" : "factors.noTotp")}</li>
      <li>{left === null ? t("factors.noPrinted") : t("factors.printed", { count: left })}</li>
    </ul>
  );
}

function Printed({ holder, hasList }: { holder: Holder; hasList: boolean }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [name, setName] = useState("");
  const [isOpen, setOpen] = useState(false);
  const [isSeen, setSeen] = useState(false);
  const printing = useMutation({
    mutationFn: () => printCodes(holder, name.trim()),
    onSuccess: () => {
      setOpen(false);
      setSeen(false);
      void queryClient.invalidateQueries({ queryKey: secondFactorsQuery(holder).queryKey });
    },
  });
  function submit(event: FormEvent) {
    event.preventDefault();
    if (isSeen && !printing.isPending) printing.mutate();
  }
  return (
    <>
      {printing.data && !isOpen && (
        <div className="code-sheet" role="status">
          <p>{t("factors.printedNow")}</p>
          <SheetLinks pdf={printing.data.sheet_pdf} name="codes-usage-unique.pdf" />
        </div>
      )}
      {isOpen ? (
        <Form onSubmit={submit} className="form desk-form" validationBehavior="aria">
          <TextEntry
            name="holder-name"
            label={t("desk.name")}
            hint={t("desk.nameHint")}
            value={name}
            onChange={setName}
            autoComplete="off"
            input={{ maxLength: 100 }}
          />
          <IdentityCheck isSeen={isSeen} onChange={setSeen} />
          {printing.error && <ErrorMessage error={printing.error} />}
          <div className="desk-actions">
            <Button type="submit" className="button" isDisabled={!isSeen}>
              {t(printing.isPending ? "patientCode.wait" : "factors.print")}
            </Button>
            <Button className="button button-quiet" onPress={() => setOpen(false)}>
              {t("share.cancel")}
            </Button>
          </div>
        </Form>
      ) : (
        <div className="desk-actions">
          <Button className="button button-quiet" onPress={() => setOpen(true)}>
            {t(hasList ? "factors.renewList" : "factors.printList")}
          </Button>
        </div>
      )}
    </>
  );
}

/** The desk says that proof of identity was seen; nothing is handed over without. */
export function IdentityCheck({ isSeen, onChange }: { isSeen: boolean; onChange: (isSeen: boolean) => void }) {
  const { t } = useTranslation();
  return (
    <label className="check">
      <input type="checkbox" checked={isSeen} onChange={(event) => onChange(event.target.checked)} />
      <span>{t("factors.identity")}</span>
    </label>
  );
}
