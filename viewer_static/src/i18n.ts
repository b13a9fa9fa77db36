/** Languages of the portal: French first. The choice is kept under OHIF's own key, so that the viewer follows it. */

import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import en from "./locales/en.json";
import fr from "./locales/fr.json";

const STORAGE_KEY = "i18nextLng";
export type Language = "fr" | "en";

function stored(): Language {
  try {
    return localStorage.getItem(STORAGE_KEY)?.startsWith("en") ? "en" : "fr";
  } catch {
    return "fr";
  }
}

function announce(language: string): void {
  document.documentElement.lang = language;
}

export async function startLanguages(): Promise<void> {
  i18next.on("languageChanged", announce);
  await i18next.use(initReactI18next).init({
    resources: { fr: { translation: fr }, en: { translation: en } },
    lng: stored(),
    fallbackLng: "fr",
    interpolation: { escapeValue: false },
  });
}

export async function chooseLanguage(language: Language): Promise<void> {
  try {
    localStorage.setItem(STORAGE_KEY, language === "en" ? "en-US" : "fr");
  } catch {
    // Storage may be forbidden by the browser: the choice then lasts as long as the page.
  }
  await i18next.changeLanguage(language);
}
