import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, Navigate, Outlet, useLocation } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { type Permission, type Session, signOut, useSession } from "../api/session";
import { ErrorMessage } from "./ErrorMessage";
import { LanguageSwitch } from "./LanguageSwitch";
import { Logo } from "./Logo";
import { Loading } from "./Page";

const SECTIONS = [
  { to: "/", label: "navigation.worklist", permission: "read-images" },
  { to: "/ledger", label: "navigation.ledger", permission: "read-ledger" },
  { to: "/operations", label: "navigation.operations", permission: "operate" },
] as const satisfies readonly { to: string; label: string; permission: Permission }[];

/** Frame of every page that needs a session; without one, leads to the sign-in page and back. */
export function SignedIn() {
  const { t } = useTranslation();
  const { data: session, error, isPending, refetch } = useSession();
  const queryClient = useQueryClient();
  const location = useLocation();
  const lastSession = useRef<Session>(undefined);

  useEffect(() => {
    if (!session) return;
    const last = lastSession.current;
    lastSession.current = session;
    // Somebody else signed in from another tab: nothing of what was read before may stay on screen.
    if (last && (last.display_name !== session.display_name || last.role !== session.role)) {
      queryClient.removeQueries({ predicate: (query) => query.queryKey[0] !== "session" });
    }
  }, [session, queryClient]);

  if (isPending) return <Loading label={t("loading")} />;
  if (session === null) {
    const search = { return: location.href, ...(lastSession.current ? { reason: "expired" as const } : {}) };
    return <Navigate to="/sign-in" search={search} replace />;
  }
  if (!session) return <ErrorMessage error={error} onRetry={() => refetch()} />;
  return (
    <>
      <Header session={session} />
      <main id="content" tabIndex={-1}>
        <Outlet />
      </main>
    </>
  );
}

function Header({ session }: { session: Session }) {
  const { t } = useTranslation();
  const sections = SECTIONS.filter(({ permission }) => session.permissions.includes(permission));
  return (
    <>
      <a className="skip-link" href="#content">
        {t("skip")}
      </a>
      <header className="header">
        <Link to="/" className="header-home">
          <Logo />
        </Link>
        {sections.length > 1 && (
          <nav aria-label={t("navigation.label")}>
            {sections.map(({ to, label }) => (
              <Link key={to} to={to} className="header-link" activeOptions={{ exact: true }}>
                {t(label)}
              </Link>
            ))}
          </nav>
        )}
        <div className="header-account">
          <span className="header-who">{session.display_name}</span>
          <LanguageSwitch />
          <SignOut />
        </div>
      </header>
    </>
  );
}

function SignOut() {
  const { t } = useTranslation();
  const ending = useMutation({
    mutationFn: signOut,
    // A new document rather than a route: nothing that was read stays in memory on a shared computer.
    onSuccess: () => location.replace("/sign-in"),
  });
  return (
    <>
      <Button className="button button-header" onPress={() => ending.mutate()} isDisabled={ending.isPending}>
        {t(ending.isPending ? "account.signingOut" : "account.signOut")}
      </Button>
      {ending.error && <ErrorMessage error={ending.error} />}
    </>
  );
}
