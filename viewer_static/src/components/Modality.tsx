import { useTranslation } from "react-i18next";

/** Name of a modality in the reader's language, the code itself where it has none here. */
export function useModalityName(): (code: string) => string {
  const { t } = useTranslation();
  return (code) => t(`modality.${code}`, { defaultValue: code });
}

const TONES: Readonly<Record<string, string>> = {
  CT: "blue",
  MR: "violet",
  US: "teal",
  MG: "rose",
  CR: "slate",
  DX: "slate",
  NM: "amber",
  PT: "amber",
  DOC: "sand",
  SR: "sand",
};

/** A modality as a badge: its code, followed by its name where there is room for it. */
export function ModalityBadge({ code, named = false }: { code: string; named?: boolean }) {
  const name = useModalityName()(code);
  const shown = named && name !== code ? `${code} · ${name}` : code;
  return (
    <span className={`badge badge-${TONES[code] ?? "plain"}`} title={name}>
      {shown}
      {!named && name !== code && <span className="sr-only"> {name}</span>}
    </span>
  );
}
