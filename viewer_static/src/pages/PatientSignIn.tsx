import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { Button, Form } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { RequestFailed } from "../api/http";
import { beginPatientSignIn, finishPatientSignIn, MEANS, type Means } from "../api/patients";
import { SESSION_KEY, useSession } from "../api/session";
import { type CodeDraft, CodeEntries, readDraft } from "../components/CodeEntries";
import { ErrorMessage } from "../components/ErrorMessage";
import { LanguageSwitch } from "../components/LanguageSwitch";
import { Logo } from "../components/Logo";
import { TextEntry } from "../components/TextEntry";
import { readCode, readOneTimePassword, readPrintedCode, shownCode } from "./patient_input";

/** A patient, or who acts for one, enters with the code of the printed sheet, then with a second one. */
export function PatientSignIn() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { data: session } = useSession();
  const [draft, setDraft] = useState<CodeDraft>(() => ({ code: codeOfAddress(), birthDate: "" }));
  const [means, setMeans] = useState<Means>("sms");
  const [challenge, setChallenge] = useState("");
  useEffect(() => {
    document.title = `${t("patientSignIn.title")} · Sans Film`;
    // Neither history nor bookmarks may keep the code.
    if (location.hash) history.replaceState(history.state, "", location.pathname + location.search);
  }, [t]);
  useEffect(() => {
    if (session) void navigate({ to: "/", replace: true });
  }, [session, navigate]);
  return (
    <div className="sign-in">
      <header className="sign-in-top">
        <LanguageSwitch />
      </header>
      <section className="sign-in-story" aria-label="Sans Film">
        <Logo />
        <p className="sign-in-tagline">{t("patientSignIn.tagline")}</p>
        <p>{t("patientSignIn.introduction")}</p>
      </section>
      <main className="sign-in-panel">
        <h1>{t("patientSignIn.title")}</h1>
        {challenge ? (
          <OneTimePassword challenge={challenge} means={means} onBack={() => setChallenge("")} />
        ) : (
          <Code draft={draft} onDraft={setDraft} means={means} onMeans={setMeans} onChallenge={setChallenge} />
        )}
        <p className="hint">{t("patientSignIn.proxy")}</p>
        <p className="hint">{t("patientSignIn.help")}</p>
        <p>
          <Link to="/sign-in">{t("patientSignIn.professional")}</Link>
        </p>
      </main>
    </div>
  );
}

/** The code that a QR code put behind `#`, which is never sent to a server. */
function codeOfAddress(): string {
  const code = readCode(decodeURIComponent(location.hash.slice(1).replace(/%(?![0-9a-f]{2})/gi, "")));
  return code ? shownCode(code) : "";
}

interface CodeProps {
  draft: CodeDraft;
  onDraft: (draft: CodeDraft) => void;
  means: Means;
  onMeans: (means: Means) => void;
  onChallenge: (challenge: string) => void;
}

function Code({ draft, onDraft, means, onMeans, onChallenge }: CodeProps) {
  const { t } = useTranslation();
  const [isChecked, setChecked] = useState(false);
  const beginning = useMutation({
    mutationFn: (right: { code: string; birthDate: string }) => beginPatientSignIn(right.code, right.birthDate, means),
    onSuccess: (answer) => onChallenge(answer.challenge),
  });
  const right = readDraft(draft);
  function submit(event: FormEvent) {
    event.preventDefault();
    setChecked(!right);
    if (right && !beginning.isPending) beginning.mutate(right);
  }
  return (
    <Form onSubmit={submit} className="form" validationBehavior="aria">
      <CodeEntries draft={draft} onChange={onDraft} isChecked={isChecked} />
      <fieldset className="choices">
        <legend>{t("patientSignIn.means.label")}</legend>
        {MEANS.map((each) => (
          <label key={each}>
            <input type="radio" name="means" checked={means === each} onChange={() => onMeans(each)} />
            <span>{t(`patientSignIn.means.${each}`)}</span>
          </label>
        ))}
      </fieldset>
      {isChecked && !right ? (
        <p className="message message-error" role="alert">
          {t("patientCode.incomplete")}
        </p>
      ) : (
        beginning.error && <CodeFailure error={beginning.error} />
      )}
      <Button type="submit" className="button button-wide">
        {t(beginning.isPending ? "patientCode.wait" : means === "sms" ? "patientSignIn.begin" : "patientSignIn.go")}
      </Button>
    </Form>
  );
}

interface PasswordProps {
  challenge: string;
  means: Means;
  onBack: () => void;
}

function OneTimePassword({ challenge, means, onBack }: PasswordProps) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [text, setText] = useState("");
  const [isChecked, setChecked] = useState(false);
  const status = useRef<HTMLParagraphElement>(null);
  useEffect(() => status.current?.focus(), []);
  const finishing = useMutation({
    mutationFn: (password: string) => finishPatientSignIn(challenge, password),
    onSuccess: (session) => {
      queryClient.removeQueries({ predicate: (query) => query.queryKey[0] !== SESSION_KEY[0] });
      queryClient.setQueryData(SESSION_KEY, session);
    },
  });
  const password = means === "printed" ? readPrintedCode(text) : readOneTimePassword(text);
  function submit(event: FormEvent) {
    event.preventDefault();
    setChecked(!password);
    if (password && !finishing.isPending) finishing.mutate(password);
  }
  return (
    <Form onSubmit={submit} className="form" validationBehavior="aria">
      <p ref={status} className="message message-note" role="status" tabIndex={-1}>
        {t(`patientSignIn.sent.${means}`)}
      </p>
      <TextEntry
        name="one-time-password"
        label={t(`patientSignIn.password.${means}`)}
        value={text}
        onChange={setText}
        isInvalid={isChecked && !password}
        autoComplete={means === "printed" ? "off" : "one-time-code"}
        input={{
          inputMode: means === "printed" ? "text" : "numeric",
          autoCapitalize: "characters",
          className: "react-aria-Input input-code",
          maxLength: 15,
        }}
      />
      {isChecked && !password ? (
        <p className="message message-error" role="alert">
          {t(`patientSignIn.incomplete.${means}`)}
        </p>
      ) : (
        finishing.error && <Failure error={finishing.error} means={means} />
      )}
      <Button type="submit" className="button button-wide">
        {t(finishing.isPending ? "patientCode.wait" : "patientSignIn.finish")}
      </Button>
      <Button className="button button-quiet button-wide" onPress={onBack}>
        {t("patientSignIn.again")}
      </Button>
      <p className="hint">{t(`patientSignIn.noMessage.${means}`)}</p>
    </Form>
  );
}

function Failure({ error, means }: { error: Error; means: Means }) {
  const { t } = useTranslation();
  if (error instanceof RequestFailed && error.kind === "unauthenticated") {
    return (
      <p className="message message-error" role="alert">
        {t(`patientSignIn.wrong.${means}`)}
      </p>
    );
  }
  return <CodeFailure error={error} />;
}

/** A failure while a code was tried; a wait is named in minutes. */
export function CodeFailure({ error }: { error: Error }) {
  const { t } = useTranslation();
  if (error instanceof RequestFailed && error.retryAfterSeconds) {
    const minutes = Math.ceil(error.retryAfterSeconds / 60);
    return (
      <p className="message message-error" role="alert">
        {minutes > 24 * 60 ? t("patientCode.blocked") : t("patientCode.tooMany", { count: minutes })}
      </p>
    );
  }
  return <ErrorMessage error={error} />;
}
