import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { type SharePreview, sharePreviewQuery, sharer } from "../api/shares";
import { ErrorMessage, kindOf } from "../components/ErrorMessage";
import { LanguageSwitch } from "../components/LanguageSwitch";
import { Logo } from "../components/Logo";
import { ModalityBadge } from "../components/Modality";
import { Loading } from "../components/Page";
import { readableDay } from "../dicomweb/json_model";
import { readableInstant } from "./format";
import { ShareOpening } from "./ShareOpening";

/** What the link of a share gives, and the way in. The token never leaves the fragment but to the API. */
export function OpenSharePage() {
  const { t } = useTranslation();
  const token = useToken();
  const { data: preview, error, refetch } = useQuery({ ...sharePreviewQuery(token), enabled: token !== "" });
  useEffect(() => {
    document.title = `${t("openShare.title")} · Sans Film`;
  }, [t]);
  const isUnknown = token === "" || (error && ["not-found", "bad-request"].includes(kindOf(error)));
  return (
    <div className="sign-in">
      <header className="sign-in-top">
        <LanguageSwitch />
      </header>
      <section className="sign-in-story" aria-label="Sans Film">
        <Logo />
        <p className="sign-in-tagline">{t("openShare.tagline")}</p>
        <p>{t("openShare.introduction")}</p>
      </section>
      <main className="sign-in-panel">
        <h1>{t("openShare.title")}</h1>
        {isUnknown && (
          <p className="message message-error" role="alert">
            {t("openShare.unknown")}
          </p>
        )}
        {error && !isUnknown && <ErrorMessage error={error} onRetry={() => refetch()} />}
        {!preview && !error && token !== "" && <Loading label={t("loading")} />}
        {preview && <Preview token={token} preview={preview} />}
      </main>
    </div>
  );
}

/** What follows # in the address, also when another link is opened in the same tab. */
function useToken(): string {
  const [token, setToken] = useState(() => location.hash.slice(1));
  useEffect(() => {
    const read = () => setToken(location.hash.slice(1));
    window.addEventListener("hashchange", read);
    return () => window.removeEventListener("hashchange", read);
  }, []);
  return token;
}

function Preview({ token, preview }: { token: string; preview: SharePreview }) {
  const { t, i18n } = useTranslation();
  const from = sharer(preview.from);
  if (preview.state !== "live") {
    return (
      <p className="message message-error" role="alert">
        {t(`openShare.over.${preview.state}`)} {t("openShare.askAgain", { from })}
      </p>
    );
  }
  return (
    <>
      <p>{t("openShare.from", { from, count: preview.exams.length })}</p>
      <ul className="share-exams">
        {preview.exams.map((exam, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: exams have no name before the share is opened
          <li key={index}>
            {readableDay(exam.study_date, i18n.language)}{" "}
            <span className="badges">
              {exam.modalities.map((code) => (
                <ModalityBadge key={code} code={code} named />
              ))}
            </span>
          </li>
        ))}
      </ul>
      {preview.message && <p className="share-message">{preview.message}</p>}
      <p className="hint">
        {t("openShare.until", { until: readableInstant(preview.expires_at, i18n.language) })}{" "}
        {!preview.reports && t("openShare.noReports")} {!preview.download && t("openShare.noDownload")}
      </p>
      <ShareOpening token={token} preview={preview} />
      <p className="hint">{t("openShare.reference", { id: token.split(".")[0] })}</p>
    </>
  );
}
