import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { SESSION_KEY, type Session, useSession } from "../api/session";
import { beginOpening, finishOpening, openShare, type SharePreview } from "../api/shares";
import { kindOf } from "../components/ErrorMessage";
import { readOneTimePassword } from "./patient_input";

/** The way in: a passcode, then a one-time password, each where the share asks for it. */
export function ShareOpening({ token, preview }: { token: string; preview: SharePreview }) {
  const [challenge, setChallenge] = useState("");
  const enter = useEnter();
  if (challenge) return <OneTimePassword challenge={challenge} onBack={() => setChallenge("")} onEnter={enter} />;
  return <FirstStep token={token} preview={preview} onChallenge={setChallenge} onEnter={enter} />;
}

/** Nothing of the session before stays behind. */
function useEnter(): (session: Session) => void {
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  return (session) => {
    queryClient.removeQueries({ predicate: (query) => query.queryKey[0] !== SESSION_KEY[0] });
    queryClient.setQueryData(SESSION_KEY, session);
    void navigate({ to: "/", replace: true });
  };
}

interface FirstStepProps {
  token: string;
  preview: SharePreview;
  onChallenge: (challenge: string) => void;
  onEnter: (session: Session) => void;
}

function FirstStep({ token, preview, onChallenge, onEnter }: FirstStepProps) {
  const { t } = useTranslation();
  const session = useSession().data;
  const [passcode, setPasscode] = useState("");
  const asksPhone = preview.has_one_time_password;
  const going = useMutation({
    mutationFn: async () => {
      if (asksPhone) onChallenge((await beginOpening(token, passcode.trim())).challenge);
      else onEnter(await openShare(token, passcode.trim()));
    },
  });
  function submit(event: FormEvent) {
    event.preventDefault();
    if (!going.isPending) going.mutate();
  }
  return (
    <form className="form" onSubmit={submit}>
      {preview.has_passcode && (
        <label className="field">
          <span>{t("openShare.passcode")}</span>
          <input
            type="password"
            autoComplete="off"
            required
            value={passcode}
            onChange={(event) => setPasscode(event.target.value)}
          />
        </label>
      )}
      {asksPhone && <p className="hint">{t("openShare.phone", { digits: preview.phone_number_ends_in })}</p>}
      {session && session.role !== "guest" && <p className="hint">{t("openShare.replaces")}</p>}
      {going.error && <Failure error={going.error} wrong="openShare.wrongPasscode" />}
      <Button type="submit" className="button button-wide" isDisabled={going.isPending}>
        {t(asksPhone ? "openShare.sendCode" : "openShare.open")}
      </Button>
      <p className="hint">{t("openShare.traced")}</p>
    </form>
  );
}

interface OneTimePasswordProps {
  challenge: string;
  onBack: () => void;
  onEnter: (session: Session) => void;
}

function OneTimePassword({ challenge, onBack, onEnter }: OneTimePasswordProps) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const [isChecked, setChecked] = useState(false);
  const status = useRef<HTMLParagraphElement>(null);
  useEffect(() => status.current?.focus(), []);
  const finishing = useMutation({
    mutationFn: (password: string) => finishOpening(challenge, password),
    onSuccess: onEnter,
  });
  const password = readOneTimePassword(text);
  function submit(event: FormEvent) {
    event.preventDefault();
    setChecked(!password);
    if (password && !finishing.isPending) finishing.mutate(password);
  }
  return (
    <form className="form" onSubmit={submit} noValidate>
      <p ref={status} className="message message-note" role="status" tabIndex={-1}>
        {t("openShare.sent")}
      </p>
      <label className="field">
        <span>{t("patientSignIn.password")}</span>
        <input
          name="one-time-password"
          className="input-code"
          inputMode="numeric"
          autoComplete="one-time-code"
          maxLength={10}
          aria-invalid={isChecked && !password}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </label>
      {isChecked && !password ? (
        <p className="message message-error" role="alert">
          {t("patientSignIn.sixDigits")}
        </p>
      ) : (
        finishing.error && <Failure error={finishing.error} wrong="openShare.wrongPassword" />
      )}
      <Button type="submit" className="button button-wide" isDisabled={finishing.isPending}>
        {t("openShare.open")}
      </Button>
      <Button className="button button-quiet button-wide" onPress={onBack}>
        {t("patientSignIn.again")}
      </Button>
      <p className="hint">{t("openShare.noMessage")}</p>
    </form>
  );
}

function Failure({ error, wrong }: { error: Error; wrong: "openShare.wrongPasscode" | "openShare.wrongPassword" }) {
  const { t } = useTranslation();
  const failure = kindOf(error);
  return (
    <p className="message message-error" role="alert">
      {failure === "unauthenticated" && t(wrong)}
      {failure === "forbidden" && t("openShare.notAnyMore")}
      {failure !== "unauthenticated" && failure !== "forbidden" && t(`failure.${failure}`)}
    </p>
  );
}
