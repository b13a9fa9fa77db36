import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { Page } from "../components/Page";

export function NotFound() {
  const { t } = useTranslation();
  return (
    <main className="narrow">
      <Page title={t("notFound.title")}>
        <p>{t("notFound.text")}</p>
        <Link to="/" className="button">
          {t("notFound.home")}
        </Link>
      </Page>
    </main>
  );
}
