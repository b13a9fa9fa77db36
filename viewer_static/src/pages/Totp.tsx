import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Button, Form } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { RequestFailed } from "../api/http";
import { beginTotp, confirmTotp, type Holder, removeTotp, secondFactorsQuery } from "../api/proxies";
import { ErrorMessage } from "../components/ErrorMessage";
import { QrCode } from "../components/QrCode";
import { TextEntry } from "../components/TextEntry";
import { CodeFailure } from "./PatientSignIn";
import { readOneTimePassword } from "./patient_input";

/** Adds an authenticator application (or another in its place), or removes it. */
export function Totp({ holder, hasTotp }: { holder: Holder | null; hasTotp: boolean }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const wanted = secondFactorsQuery(holder);
  const beginning = useMutation({ mutationFn: () => beginTotp(holder) });
  const removing = useMutation({
    mutationFn: () => removeTotp(holder),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: wanted.queryKey }),
  });
  if (beginning.data) {
    return <Enrolment holder={holder} enrolment={beginning.data} onDone={() => beginning.reset()} />;
  }
  return (
    <div className="desk-actions">
      <Button className="button button-quiet" onPress={() => beginning.mutate()} isDisabled={beginning.isPending}>
        {t(hasTotp ? "factors.replaceTotp" : "factors.addTotp")}
      </Button>
      {hasTotp && (
        <Button className="button button-quiet" onPress={() => removing.mutate()} isDisabled={removing.isPending}>
          {t("factors.removeTotp")}
        </Button>
      )}
      {beginning.error && <ErrorMessage error={beginning.error} />}
      {removing.error && <ErrorMessage error={removing.error} />}
    </div>
  );
}

interface EnrolmentProps {
  holder: Holder | null;
  enrolment: { secret: string; uri: string };
  onDone: () => void;
}

function Enrolment({ holder, enrolment, onDone }: EnrolmentProps) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [text, setText] = useState("");
  const [isChecked, setChecked] = useState(false);
  const confirming = useMutation({
    mutationFn: (password: string) => confirmTotp(holder, password),
    onSuccess: (state) => {
      queryClient.setQueryData(secondFactorsQuery(holder).queryKey, state);
      onDone();
    },
  });
  const password = readOneTimePassword(text);
  function submit(event: FormEvent) {
    event.preventDefault();
    setChecked(!password);
    if (password && !confirming.isPending) confirming.mutate(password);
  }
  return (
    <Form onSubmit={submit} className="form totp" validationBehavior="aria">
      <p>{t("factors.scan")}</p>
      <QrCode text={enrolment.uri} label={t("factors.qrCode")} />
      <p className="sub">
        {t("factors.secret")} <code className="totp-secret">{enrolment.secret.replace(/(.{4})(?=.)/g, "$1 ")}</code>
      </p>
      <TextEntry
        name="totp"
        label={t("factors.shown")}
        value={text}
        onChange={setText}
        isInvalid={isChecked && !password}
        autoComplete="off"
        input={{ inputMode: "numeric", className: "react-aria-Input input-code", maxLength: 10 }}
      />
      {isChecked && !password ? (
        <p className="message message-error" role="alert">
          {t("patientSignIn.incomplete.totp")}
        </p>
      ) : (
        confirming.error && <Refused error={confirming.error} />
      )}
      <div className="desk-actions">
        <Button type="submit" className="button">
          {t(confirming.isPending ? "patientCode.wait" : "factors.confirm")}
        </Button>
        <Button className="button button-quiet" onPress={onDone}>
          {t("share.cancel")}
        </Button>
      </div>
    </Form>
  );
}

function Refused({ error }: { error: Error }) {
  const { t } = useTranslation();
  const kind = error instanceof RequestFailed ? error.kind : "unexpected";
  if (kind !== "forbidden" && kind !== "conflict") return <CodeFailure error={error} />;
  return (
    <p className="message message-error" role="alert">
      {t(kind === "forbidden" ? "factors.wrong" : "factors.tooLate")}
    </p>
  );
}
