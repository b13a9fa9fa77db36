import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { OWN, secondFactorsQuery } from "../api/proxies";
import { ErrorMessage } from "../components/ErrorMessage";
import { FactorLines } from "./Factors";
import { Totp } from "./Totp";

const FEW = 3;

/** With what the reader signs in besides the code. */
export function OwnFactors() {
  const { t } = useTranslation();
  const { data, error } = useQuery(secondFactorsQuery(OWN));
  return (
    <section className="factors" aria-labelledby="own-factors">
      <h2 id="own-factors">{t("factors.own")}</h2>
      <p>{t("factors.ownAbout")}</p>
      {error && <ErrorMessage error={error} />}
      {data && (
        <>
          <FactorLines factors={data} />
          <Totp holder={OWN} hasTotp={data.totp} />
        </>
      )}
    </section>
  );
}

/** Says that the printed list is nearly used up; nothing where there is none. */
export function FewCodesLeft() {
  const { t } = useTranslation();
  const { data } = useQuery(secondFactorsQuery(OWN));
  const left = data?.printed_codes_left ?? null;
  if (left === null || left > FEW) return null;
  return (
    <p className="message message-note" role="status">
      {t("factors.fewLeft", { count: left })}
    </p>
  );
}
