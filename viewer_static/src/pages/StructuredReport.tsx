import { useTranslation } from "react-i18next";
import type { DicomJson } from "../dicomweb/json_model";
import { type ContentItem, contentItems } from "../dicomweb/structured_report";

export function StructuredReport({ dataset }: { dataset: DicomJson }) {
  const { i18n, t } = useTranslation();
  const content = contentItems(dataset, i18n.language);
  if (content.length === 0) return <p className="empty">{t("document.unreadable")}</p>;
  return (
    <article className="report">
      <Items content={content} />
    </article>
  );
}

function Items({ content }: { content: ContentItem[] }) {
  const { t } = useTranslation();
  return (
    <ul>
      {content.map((item, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a report never changes, its items have no identity of their own
        <li key={index}>
          {item.name && <span className="report-name">{item.name}</span>}
          {item.value && <span className="report-value">{item.value}</span>}
          {item.isReference && <span className="sub">{t("document.reference")}</span>}
          {item.children.length > 0 && <Items content={item.children} />}
        </li>
      ))}
    </ul>
  );
}
