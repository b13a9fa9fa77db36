import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { waitForZip, zipUrl } from "../api/download";
import { kindOf } from "../components/ErrorMessage";
import { saveAs } from "../components/save_file";

/** Downloads a study as a ZIP file: images for a DICOM viewer, reports as PDF. */
export function DownloadStudy({ study, day, hospital }: { study: string; day: string; hospital: string }) {
  const { t } = useTranslation();
  const wanted = useRef<AbortController>(undefined);
  const url = zipUrl(study, hospital);
  const preparing = useMutation({
    mutationFn: () => {
      wanted.current = new AbortController();
      return waitForZip(url, wanted.current.signal);
    },
    onSuccess: () => saveAs(url, `${t("download.file")}${day && `-${day}`}.zip`),
  });
  useEffect(() => () => wanted.current?.abort(), []);
  if (preparing.isPending) {
    return (
      <div className="download" role="status">
        <label>
          {t("download.preparing")} <progress />
        </label>
        <Button className="button button-quiet button-small" onPress={() => wanted.current?.abort()}>
          {t("download.cancel")}
        </Button>
      </div>
    );
  }
  const failed = preparing.error && !wanted.current?.signal.aborted ? kindOf(preparing.error) : undefined;
  return (
    <>
      <Button className="button button-quiet" onPress={() => preparing.mutate()}>
        {t("download.action")}
      </Button>
      {failed && (
        <p className="message message-error" role="alert">
          {t(failed === "forbidden" || failed === "too-much" ? `download.${failed}` : `failure.${failed}`)}
        </p>
      )}
    </>
  );
}
