import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ErrorComponentProps, Link, Outlet, useRouter } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { type Permission, SESSION_KEY, type Session, signOut, useSession } from "../api/session";
import { ErrorMessage } from "./ErrorMessage";
import { LanguageSwitch } from "./LanguageSwitch";
import { Logo } from "./Logo";
import { Loading } from "./Page";

const SECTIONS = [
  { to: "/", label: "navigation.worklist", permission: "read-images" },
  { to: "/shares", label: "navigation.shares", permission: "share" },
  { to: "/hospital-shares", label: "navigation.hospitalShares", permission: "end-shares" },
  { to: "/access", label: "navigation.presentCode", permission: "present-codes" },
  { to: "/access", label: "navigation.ownAccess", permission: "manage-grants" },
  { to: "/who-looked", label: "navigation.ownTrail", permission: "manage-grants" },
  { to: "/desk", label: "navigation.desk", permission: "hand-over-codes" },
  { to: "/emergency-accesses", label: "navigation.emergencyAccesses", permission: "review-break-glass" },
  { to: "/ledger", label: "navigation.ledger", permission: "read-ledger" },
  { to: "/trail", label: "navigation.trail", permission: "read-audit" },
  { to: "/dashboard", label: "navigation.dashboard", permission: "read-ledger" },
  { to: "/disputes", label: "navigation.disputes", permission: "read-ledger" },
  { to: "/machines", label: "navigation.machines", permission: "manage-accounts" },
  { to: "/identity-providers", label: "navigation.identityProviders", permission: "operate" },
  { to: "/operations", label: "navigation.operations", permission: "operate" },
] as const satisfies readonly { to: string; label: string; permission: Permission }[];

/** Frame of every page that needs a session; when it ends, leads to the sign-in page and back. */
export function SignedIn() {
  const { t } = useTranslation();
  const { data: session } = useSession();
  useLeaveWhenExpired(session);
  useForgetOthers(session);
  if (!session) return <Loading label={t("loading")} />;
  return (
    <>
      <Header session={session} />
      <main id="content" tabIndex={-1}>
        {session.role === "proxy" && (
          <p className="message message-note proxy-note">{t("proxy.acting", { name: session.display_name })}</p>
        )}
        <Outlet />
      </main>
    </>
  );
}

/** The platform could not say whether anybody is signed in. */
export function SessionUnknown({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  async function retry() {
    reset();
    await router.invalidate();
  }
  return (
    <main className="narrow">
      <ErrorMessage error={error} onRetry={retry} />
    </main>
  );
}

function useLeaveWhenExpired(session: Session | null | undefined) {
  const router = useRouter();
  const isExpired = session === null;
  const wasPatient = useRef(false);
  if (session) wasPatient.current = session.role === "patient" || session.role === "proxy";
  useEffect(() => {
    if (!isExpired) return;
    if (wasPatient.current) {
      void router.navigate({ to: "/patient", replace: true });
      return;
    }
    const search = { return: router.state.location.href, reason: "expired" as const };
    void router.navigate({ to: "/sign-in", search, replace: true });
  }, [isExpired, router]);
}

/** Somebody else signed in from another tab: nothing of what was read before may stay on screen. */
function useForgetOthers(session: Session | null | undefined) {
  const queryClient = useQueryClient();
  const last = useRef<string>(undefined);
  useEffect(() => {
    if (!session) return;
    const who = JSON.stringify([session.display_name, session.role, session.hospital?.id]);
    if (last.current && last.current !== who) {
      void queryClient.resetQueries({ predicate: (query) => query.queryKey[0] !== SESSION_KEY[0] });
    }
    last.current = who;
  }, [session, queryClient]);
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
          {session.role === "guest" ? (
            <span className="header-who">{session.display_name}</span>
          ) : (
            <Link to="/sessions" className="header-link">
              <span className="header-who">{session.display_name}</span>
              <span className="header-sessions">{t("sessions.title")}</span>
            </Link>
          )}
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
