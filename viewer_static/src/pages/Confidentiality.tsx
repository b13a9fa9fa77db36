import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Button, Dialog, DialogTrigger, Heading, Modal, ModalOverlay } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { liftMark, type Mark, type MarkKind, type MarkRequest, marksQuery, setMark } from "../api/marks";
import { useSession } from "../api/session";
import { ErrorMessage, kindOf } from "../components/ErrorMessage";
import { type DicomJson, hospitalOf, Tag, text } from "../dicomweb/json_model";
import { readableInstant, readableParisDay } from "./format";

const KINDS: readonly MarkKind[] = ["delayed", "masked", "private"];

/** What is kept back of a study, shown to the hospital that archived it, with what changes it. */
export function Confidentiality({ study, series }: { study: DicomJson; series: DicomJson[] }) {
  const { t } = useTranslation();
  const { data: session } = useSession();
  const uid = text(study, Tag.StudyInstanceUID);
  const named = hospitalOf(study);
  const isOwn = Boolean(session?.hospital) && (named === "" || named === session?.hospital?.id);
  const mayMark = Boolean(session?.permissions.includes("mark-documents")) && isOwn;
  const { data: marks = [], error } = useQuery({ ...marksQuery(uid), enabled: mayMark });
  if (!mayMark) return null;
  const live = marks.filter((mark) => mark.is_live);
  return (
    <section className="confidentiality" aria-labelledby="confidentiality">
      <div className="section-head">
        <h2 id="confidentiality">{t("confidentiality.title")}</h2>
        <KeepBack study={uid} series={series} />
      </div>
      {error && <ErrorMessage error={error} />}
      {!error && live.length === 0 && <p className="sub">{t("confidentiality.none")}</p>}
      <ul className="mark-list">
        {live.map((mark) => (
          <LiveMark key={mark.id} study={uid} series={series} mark={mark} />
        ))}
      </ul>
    </section>
  );
}

function nameOf(series: DicomJson[], uid: string): string {
  const found = series.find((one) => text(one, Tag.SeriesInstanceUID) === uid);
  const parts = found ? [text(found, Tag.Modality), text(found, Tag.SeriesDescription)] : [];
  return parts.filter(Boolean).join(" · ") || uid;
}

function LiveMark({ study, series, mark }: { study: string; series: DicomJson[]; mark: Mark }) {
  const { t, i18n } = useTranslation();
  const queryClient = useQueryClient();
  const lifting = useMutation({
    mutationFn: () => liftMark(study, mark.id),
    onSettled: () => queryClient.invalidateQueries({ queryKey: marksQuery(study).queryKey }),
  });
  const covered = t(`confidentiality.of.${mark.of}`, { series: nameOf(series, mark.series) });
  const details = [
    t("confidentiality.setBy", { name: mark.set_by, at: readableInstant(mark.set_at, i18n.language) }),
    mark.announcer && t("confidentiality.announcedBy", { name: mark.announcer }),
    mark.until && t("confidentiality.endsOn", { day: readableParisDay(mark.until, i18n.language) }),
  ].filter(Boolean);
  return (
    <li className={`mark mark-${mark.kind}`} data-mark={mark.kind}>
      <div>
        <strong>{t(`confidentiality.states.${mark.kind}`)}</strong> · {covered}
        <p className="sub">{details.join(" · ")}</p>
      </div>
      <Button
        className="button button-quiet button-small"
        aria-label={t("confidentiality.liftOf", { state: t(`confidentiality.states.${mark.kind}`), covered })}
        onPress={() => lifting.mutate()}
        isDisabled={lifting.isPending}
      >
        {t("confidentiality.lift")}
      </Button>
      {lifting.error && <ErrorMessage error={lifting.error} />}
    </li>
  );
}

function KeepBack({ study, series }: { study: string; series: DicomJson[] }) {
  const { t } = useTranslation();
  return (
    <DialogTrigger>
      <Button className="button button-quiet button-small">{t("confidentiality.action")}</Button>
      <ModalOverlay className="overlay" isDismissable>
        <Modal className="modal">
          <Dialog className="dialog">
            {({ close }) => (
              <>
                <Heading slot="title">{t("confidentiality.dialog")}</Heading>
                <MarkForm study={study} series={series} onClose={close} />
              </>
            )}
          </Dialog>
        </Modal>
      </ModalOverlay>
    </DialogTrigger>
  );
}

/** Tomorrow in Paris, the first day on which a delay may end. */
function tomorrow(): string {
  const day = new Intl.DateTimeFormat("sv-SE", { timeZone: "Europe/Paris" });
  return day.format(new Date(Date.now() + 86_400_000));
}

function MarkForm({ study, series, onClose }: { study: string; series: DicomJson[]; onClose: () => void }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [said, setSaid] = useState({ kind: "delayed" as MarkKind, of: "reports", until: "", announcer: "" });
  const say = (more: Partial<typeof said>) => setSaid({ ...said, ...more });
  const marking = useMutation({
    mutationFn: () => setMark(study, wanted(said)),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: marksQuery(study).queryKey });
      onClose();
    },
  });
  function submit(event: FormEvent) {
    event.preventDefault();
    if (!marking.isPending) marking.mutate();
  }
  return (
    <form className="form" onSubmit={submit}>
      <fieldset className="choices">
        <legend>{t("confidentiality.from")}</legend>
        {KINDS.map((kind) => (
          <label key={kind}>
            <input type="radio" name="kind" checked={said.kind === kind} onChange={() => say({ kind })} />
            <span>
              {t(`confidentiality.kinds.${kind}`)}
              <span className="hint">{t(`confidentiality.hints.${kind}`)}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <label className="field">
        <span>{t("confidentiality.what")}</span>
        <select value={said.of} onChange={(event) => say({ of: event.target.value })}>
          <option value="reports">{t("confidentiality.of.reports")}</option>
          <option value="study">{t("confidentiality.of.study")}</option>
          {series.map((one) => {
            const uid = text(one, Tag.SeriesInstanceUID);
            return (
              <option key={uid} value={uid}>
                {t("confidentiality.of.series", { series: nameOf(series, uid) })}
              </option>
            );
          })}
        </select>
      </label>
      {said.kind === "delayed" && (
        <div className="field-row">
          <label className="field">
            <span>{t("confidentiality.announcer")}</span>
            <input
              value={said.announcer}
              maxLength={100}
              onChange={(event) => say({ announcer: event.target.value })}
            />
          </label>
          <label className="field">
            <span>{t("confidentiality.until")}</span>
            <input
              type="date"
              value={said.until}
              min={tomorrow()}
              onChange={(event) => say({ until: event.target.value })}
            />
          </label>
        </div>
      )}
      {marking.error && (
        <p className="message message-error" role="alert">
          {t(kindOf(marking.error) === "conflict" ? "confidentiality.already" : `failure.${kindOf(marking.error)}`)}
        </p>
      )}
      <div className="dialog-actions">
        <Button className="button button-quiet" onPress={onClose}>
          {t("share.cancel")}
        </Button>
        <Button className="button" type="submit" isDisabled={marking.isPending}>
          {t("confidentiality.submit")}
        </Button>
      </div>
    </form>
  );
}

function wanted(said: { kind: MarkKind; of: string; until: string; announcer: string }): MarkRequest {
  const delay = said.kind === "delayed" ? said : { until: "", announcer: "" };
  return {
    kind: said.kind,
    ...(said.of === "reports" ? { reports: true } : said.of === "study" ? {} : { series: said.of }),
    ...(delay.until ? { until: delay.until } : {}),
    ...(delay.announcer.trim() ? { announcer: delay.announcer.trim() } : {}),
  };
}
