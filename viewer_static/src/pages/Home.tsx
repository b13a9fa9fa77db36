import { Navigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useSession } from "../api/session";
import { Page } from "../components/Page";
import { Worklist } from "./Worklist";

/** The first page that the role may see. */
export function Home() {
  const { t } = useTranslation();
  const permissions = useSession().data?.permissions ?? [];
  if (permissions.includes("read-images")) return <Worklist />;
  if (permissions.includes("hand-over-codes")) return <Navigate to="/desk" replace />;
  if (permissions.includes("review-break-glass")) return <Navigate to="/emergency-accesses" replace />;
  if (permissions.includes("operate")) return <Navigate to="/operations" replace />;
  if (permissions.includes("read-ledger")) return <Navigate to="/ledger" replace />;
  if (permissions.includes("read-audit")) return <Navigate to="/trail" replace />;
  return (
    <Page title={t("nothing.title")}>
      <p>{t("nothing.text")}</p>
    </Page>
  );
}
