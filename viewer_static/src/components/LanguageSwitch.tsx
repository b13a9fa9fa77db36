import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { chooseLanguage, type Language } from "../i18n";

/** Offers the other language, named in that language. */
export function LanguageSwitch() {
  const { t } = useTranslation();
  const other = t("language.switchTo") as Language;
  return (
    <Button className="button button-header" onPress={() => chooseLanguage(other)}>
      <span lang={other}>{t("language.switch")}</span>
    </Button>
  );
}
