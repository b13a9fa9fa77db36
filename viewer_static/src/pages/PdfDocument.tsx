import { useQuery } from "@tanstack/react-query";
import type { PDFDocumentProxy } from "pdfjs-dist";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { ErrorMessage } from "../components/ErrorMessage";
import { Loading } from "../components/Page";
import { pdfQuery } from "../dicomweb/wado";

interface Props {
  study: string;
  series: string;
  instance: string;
}

/** A PDF drawn page by page, its text beside it for screen readers (phones have no built-in viewer in pages). */
export function PdfDocument({ study, series, instance }: Props) {
  const { t } = useTranslation();
  const { data: blob, error, refetch } = useQuery(pdfQuery(study, series, instance));
  const { document: pdf, failed } = usePdf(blob);
  const download = useObjectUrl(blob);
  if (error) return <ErrorMessage error={error} onRetry={() => refetch()} />;
  return (
    <>
      {download && (
        <p>
          <a className="button button-quiet" href={download} download="compte-rendu.pdf">
            {t("document.download")}
          </a>
        </p>
      )}
      {failed && (
        <p className="message message-error" role="alert">
          {t("document.unreadable")}
        </p>
      )}
      {!pdf && !failed && <Loading label={t("loading")} />}
      {pdf && (
        <div className="pdf">
          {Array.from({ length: pdf.numPages }, (_, index) => index + 1).map((page) => (
            <PdfPage key={page} pdf={pdf} page={page} />
          ))}
        </div>
      )}
    </>
  );
}

function useObjectUrl(blob: Blob | undefined): string | undefined {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    if (!blob) return;
    const made = URL.createObjectURL(blob);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return url;
}

function usePdf(blob: Blob | undefined) {
  const [state, setState] = useState<{ document?: PDFDocumentProxy; failed: boolean }>({ failed: false });
  useEffect(() => {
    if (!blob) return;
    let isCurrent = true;
    const opening = open(blob);
    opening
      .then((document) => isCurrent && setState({ document, failed: false }))
      .catch(() => isCurrent && setState({ failed: true }));
    return () => {
      isCurrent = false;
      opening.then((document) => document.loadingTask.destroy()).catch(() => undefined);
    };
  }, [blob]);
  return state;
}

async function open(blob: Blob): Promise<PDFDocumentProxy> {
  const [pdfjs, worker, data] = await Promise.all([
    import("pdfjs-dist"),
    import("pdfjs-dist/build/pdf.worker.min.mjs?url"),
    blob.arrayBuffer(),
  ]);
  pdfjs.GlobalWorkerOptions.workerSrc = worker.default;
  return await pdfjs.getDocument({
    data: new Uint8Array(data),
    isEvalSupported: false,
    enableXfa: false,
    cMapUrl: `${__PDFJS_DATA__}cmaps/`,
    standardFontDataUrl: `${__PDFJS_DATA__}standard_fonts/`,
    wasmUrl: `${__PDFJS_DATA__}wasm/`,
  }).promise;
}

const DRAWN_WIDTH_PX = 1600;

function PdfPage({ pdf, page }: { pdf: PDFDocumentProxy; page: number }) {
  const { t } = useTranslation();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [content, setContent] = useState<string>();
  useEffect(() => {
    let stop: (() => void) | undefined;
    let isCurrent = true;
    async function draw() {
      const source = await pdf.getPage(page);
      if (!isCurrent || !canvas.current) return;
      const viewport = source.getViewport({ scale: DRAWN_WIDTH_PX / source.getViewport({ scale: 1 }).width });
      canvas.current.width = viewport.width;
      canvas.current.height = viewport.height;
      const drawing = source.render({ canvas: canvas.current, viewport });
      stop = () => drawing.cancel();
      await drawing.promise;
      const { items } = await source.getTextContent();
      const lines = items.map((item) => ("str" in item ? item.str + (item.hasEOL ? "\n" : "") : "")).join("");
      if (isCurrent) setContent(lines);
    }
    draw().catch(() => undefined);
    return () => {
      isCurrent = false;
      stop?.();
    };
  }, [pdf, page]);
  const label = t("document.page", { page, count: pdf.numPages });
  return (
    <section className="pdf-page" aria-label={label} data-drawn={content !== undefined}>
      {/* biome-ignore lint/a11y/noAriaHiddenOnFocusable: a canvas without tabindex takes no focus; its text follows */}
      <canvas ref={canvas} aria-hidden="true" />
      <p className="sr-only pdf-text">{content}</p>
      <p className="sub" aria-hidden="true">
        {label}
      </p>
    </section>
  );
}
