import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useSession } from "../api/session";
import { receivedSharesQuery, sharer } from "../api/shares";
import { readableInstant } from "./format";
import { useStudyLine } from "./Shares";

/** Exams that others share with the reader, above the worklist that holds them too. */
export function ReceivedShares() {
  const { t, i18n } = useTranslation();
  const isAsked = useSession().data?.permissions.includes("share") ?? false;
  const { data: shares = [] } = useQuery({ ...receivedSharesQuery, enabled: isAsked });
  const line = useStudyLine();
  if (shares.length === 0) return null;
  return (
    <section className="received" aria-labelledby="received-title">
      <h2 id="received-title">{t("received.title")}</h2>
      <ul className="share-list">
        {shares.map((share) => (
          <li key={share.id} className="share-card">
            <p className="strong">{t("received.from", { name: sharer(share.from) })}</p>
            <ul className="links">
              {share.studies.map((study) => (
                <li key={study.study_instance_uid}>
                  <Link to="/studies/$study" params={{ study: study.study_instance_uid }}>
                    {line(study)}
                  </Link>
                </li>
              ))}
            </ul>
            {share.message && <p className="share-message">{share.message}</p>}
            <p className="sub">{t("received.until", { until: readableInstant(share.expires_at, i18n.language) })}</p>
          </li>
        ))}
      </ul>
    </section>
  );
}
