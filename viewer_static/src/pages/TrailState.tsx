import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { trailStateQuery } from "../api/audit";
import { ErrorMessage } from "../components/ErrorMessage";
import { readableDay, readableInstant } from "./format";

/** How far the trail is sealed, anchored and verified. */
export function TrailState({ hospital }: { hospital: string }) {
  const { t, i18n } = useTranslation();
  const { data: state, error } = useQuery(trailStateQuery(hospital));
  if (error) return <ErrorMessage error={error} />;
  if (!state) return null;
  const instant = (value: string) => readableInstant(value, i18n.language);
  const { verified } = state;
  const isWrong = verified !== null && verified.problems.length > 0;
  return (
    <section className={isWrong ? "trail-state trail-state-wrong" : "trail-state"} aria-label={t("trail.state.title")}>
      <dl>
        <div>
          <dt>{t("trail.state.sealed")}</dt>
          <dd>
            {state.sealed_at
              ? t("trail.state.sealedAt", { count: state.blocks, at: instant(state.sealed_at) })
              : t("trail.state.notYet")}
          </dd>
        </div>
        <div>
          <dt>{t("trail.state.anchored")}</dt>
          <dd>{state.anchored_day ? readableDay(state.anchored_day, i18n.language) : t("trail.state.notThisWeek")}</dd>
        </div>
        <div>
          <dt>{t("trail.state.verified")}</dt>
          <dd>
            {verified
              ? t(isWrong ? "trail.state.wrongAt" : "trail.state.intactAt", {
                  at: instant(verified.at),
                  from: verified.from_block,
                  to: verified.blocks,
                })
              : t("trail.state.notYet")}
          </dd>
        </div>
      </dl>
      {isWrong && (
        <ul role="alert">
          {verified.problems.map((problem) => (
            <li key={problem} lang="en">
              {problem}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
