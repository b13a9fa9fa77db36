import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useRouter, useSearch } from "@tanstack/react-router";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { Button, Form, Input, Label, TextField } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { RequestFailed } from "../api/http";
import { identityProvidersQuery, SESSION_KEY, type Session, signIn, useSession } from "../api/session";
import { ErrorMessage } from "../components/ErrorMessage";
import { LanguageSwitch } from "../components/LanguageSwitch";
import { Logo } from "../components/Logo";
import { safeReturnPath } from "./return_path";

export function SignIn() {
  const { t } = useTranslation();
  const search = useSearch({ from: "/sign-in" });
  const enter = useEnter(search.return);
  const { data: session } = useSession();
  useEffect(() => {
    document.title = `${t("signIn.title")} · Sans Film`;
  }, [t]);
  useEffect(() => {
    if (session) enter();
  }, [session, enter]);
  return (
    <div className="sign-in">
      <header className="sign-in-top">
        <LanguageSwitch />
      </header>
      <section className="sign-in-story" aria-label="Sans Film">
        <Logo />
        <p className="sign-in-tagline">{t("signIn.tagline")}</p>
        <p>{t("signIn.introduction")}</p>
      </section>
      <main className="sign-in-panel">
        <h1>{t("signIn.title")}</h1>
        {search.reason === "expired" && (
          <p className="message message-note" role="status">
            {t("signIn.expired")}
          </p>
        )}
        {search.reason && search.reason !== "expired" && (
          <p className="message message-error" role="alert">
            {t(PROVIDER_FAILURES[search.reason])}
          </p>
        )}
        <Providers returnPath={search.return} />
        <Credentials />
        <p>
          <Link to="/patient" className="back-link">
            {t("signIn.patient")}
          </Link>
        </p>
        <p className="hint">{t("signIn.privacy")}</p>
      </main>
    </div>
  );
}

const PROVIDER_FAILURES = {
  "provider-refused": "signIn.providerRefused",
  "provider-unavailable": "signIn.providerUnavailable",
  "not-allowed": "signIn.notAllowed",
  "too-many-attempts": "signIn.tooManyAttempts",
} as const;

/** A plain link for each identity provider: the browser leaves for it and comes back with a session. */
function Providers({ returnPath }: { returnPath: string | undefined }) {
  const { t } = useTranslation();
  const { data: providers } = useQuery(identityProvidersQuery);
  if (!providers?.length) return null;
  const search = returnPath ? `?return=${encodeURIComponent(safeReturnPath(returnPath, location.origin))}` : "";
  return (
    <div className="sign-in-providers">
      {providers.map(({ id, name }) => (
        <a key={id} className="button button-wide" href={`/api/oidc/${encodeURIComponent(id)}/sign-in${search}`}>
          {t("signIn.withProvider", { name })}
        </a>
      ))}
      <p className="sign-in-or">{t("signIn.or")}</p>
    </div>
  );
}

/** Leaves for the page that asked for a session; OHIF is another document, so it is loaded, not routed to. */
function useEnter(asked: string | undefined) {
  const router = useRouter();
  const navigate = useNavigate();
  const left = useRef(false);
  return () => {
    if (left.current) return;
    left.current = true;
    const path = safeReturnPath(asked, location.origin);
    if (path.startsWith("/ohif/")) location.replace(path);
    else if (path === "/") void navigate({ to: "/", replace: true });
    else router.history.replace(path);
  };
}

function Credentials() {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [credentials, setCredentials] = useState({ username: "", password: "" });
  const [isIncomplete, setIncomplete] = useState(false);
  const passwordField = useRef<HTMLInputElement>(null);
  const signingIn = useMutation<Session, Error>({
    mutationFn: () => signIn(credentials.username.trim(), credentials.password),
    onSuccess: (session) => {
      queryClient.removeQueries({ predicate: (query) => query.queryKey[0] !== SESSION_KEY[0] });
      queryClient.setQueryData(SESSION_KEY, session);
    },
    onError: () => passwordField.current?.select(),
  });
  function submit(event: FormEvent) {
    event.preventDefault();
    const incomplete = !credentials.username.trim() || !credentials.password;
    setIncomplete(incomplete);
    if (!incomplete && !signingIn.isPending) signingIn.mutate();
  }
  return (
    <Form onSubmit={submit} className="form" validationBehavior="aria">
      <TextField
        name="username"
        autoComplete="username"
        autoFocus
        value={credentials.username}
        onChange={(username) => setCredentials({ ...credentials, username })}
        isInvalid={isIncomplete && !credentials.username.trim()}
      >
        <Label>{t("signIn.username")}</Label>
        <Input autoCapitalize="none" spellCheck="false" />
      </TextField>
      <TextField
        name="password"
        type="password"
        autoComplete="current-password"
        value={credentials.password}
        onChange={(password) => setCredentials({ ...credentials, password })}
        isInvalid={isIncomplete && !credentials.password}
      >
        <Label>{t("signIn.password")}</Label>
        <Input ref={passwordField} />
      </TextField>
      {isIncomplete ? (
        <p className="message message-error" role="alert">
          {t("signIn.required")}
        </p>
      ) : (
        signingIn.error && <SignInFailure error={signingIn.error} />
      )}
      <Button type="submit" className="button button-wide" isPending={signingIn.isPending}>
        {t(signingIn.isPending ? "signIn.submitting" : "signIn.submit")}
      </Button>
    </Form>
  );
}

function SignInFailure({ error }: { error: Error }) {
  const { t } = useTranslation();
  const kind = error instanceof RequestFailed ? error.kind : undefined;
  if (kind === "unauthenticated" || kind === "bad-request") {
    return (
      <p className="message message-error" role="alert">
        {t("signIn.wrong")}
      </p>
    );
  }
  if (error instanceof RequestFailed && kind === "too-many-attempts" && error.retryAfterSeconds) {
    return (
      <p className="message message-error" role="alert">
        {t("signIn.tooMany", { count: error.retryAfterSeconds })}
      </p>
    );
  }
  return <ErrorMessage error={error} />;
}
