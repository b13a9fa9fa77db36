import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Button, Dialog, DialogTrigger, Heading, Modal, ModalOverlay } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { useSession } from "../api/session";
import { makeShare, type NewShare, type ShareKind, type ShareRequest, sharesQuery } from "../api/shares";
import { kindOf } from "../components/ErrorMessage";
import { QrCode } from "../components/QrCode";
import { type DicomJson, Tag, text } from "../dicomweb/json_model";
import { readableInstant } from "./format";
import { readRpps } from "./rpps";
import { LinkSecrets, NOTHING_SAID, OtherExams, Recipient, type Said, Series } from "./ShareFields";

const DAYS = [1, 7, 30, 90];
const KINDS: readonly ShareKind[] = ["link", "professional", "user", "hospital"];

/** The button of a study's page by which it is shared, and its dialog. */
export function ShareStudy({ study, series }: { study: DicomJson; series: DicomJson[] }) {
  const { t } = useTranslation();
  if (!useSession().data?.permissions.includes("share")) return null;
  return (
    <DialogTrigger>
      <Button className="button button-quiet">{t("share.action")}</Button>
      <ModalOverlay className="overlay" isDismissable>
        <Modal className="modal">
          <Dialog className="dialog">
            {({ close }) => (
              <>
                <Heading slot="title">{t("share.title")}</Heading>
                <ShareForm study={study} series={series} onClose={close} />
              </>
            )}
          </Dialog>
        </Modal>
      </ModalOverlay>
    </DialogTrigger>
  );
}

interface Terms {
  reports: boolean;
  download: boolean;
  days: number;
  maximumUses: number;
}

/** What of the form belongs to the kind of share. */
function ofKind(said: Said, terms: Terms): Partial<ShareRequest> {
  if (said.kind !== "link") {
    const recipient = said.kind === "professional" ? (readRpps(said.recipient) ?? said.recipient) : said.recipient;
    return { recipient, ...(said.kind === "professional" ? { label: said.label } : {}) };
  }
  return {
    label: said.label,
    maximum_uses: terms.maximumUses,
    ...(said.passcode ? { passcode: said.passcode } : {}),
    ...(said.phoneNumber.trim() ? { phone_number: said.phoneNumber.trim() } : {}),
  };
}

interface ShareFormProps {
  study: DicomJson;
  series: DicomJson[];
  onClose: () => void;
}

function ShareForm({ study, series, onClose }: ShareFormProps) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [said, setSaid] = useState(NOTHING_SAID);
  const [terms, setTerms] = useState({ reports: true, download: true, days: 7, maximumUses: 0 });
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [added, setAdded] = useState<ReadonlySet<string>>(new Set());
  const chosen = series.map((one) => text(one, Tag.SeriesInstanceUID)).filter((uid) => !left.has(uid));
  const making = useMutation({
    mutationFn: () =>
      makeShare({
        studies: [
          {
            study_instance_uid: text(study, Tag.StudyInstanceUID),
            ...(left.size > 0 ? { series: chosen } : {}),
          },
          ...[...added].map((uid) => ({ study_instance_uid: uid })),
        ],
        kind: said.kind,
        message: said.message,
        reports: terms.reports,
        download: terms.download,
        days: terms.days,
        ...ofKind(said, terms),
      }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: sharesQuery.queryKey }),
  });
  if (making.data) return <Shared share={making.data} onClose={onClose} />;
  function submit(event: FormEvent) {
    event.preventDefault();
    if (!making.isPending) making.mutate();
  }
  const say = (more: Partial<Said>) => setSaid({ ...said, ...more });
  return (
    <form className="form" onSubmit={submit}>
      <fieldset className="choices">
        <legend>{t("share.with")}</legend>
        {KINDS.map((kind) => (
          <label key={kind}>
            <input
              type="radio"
              name="kind"
              checked={said.kind === kind}
              onChange={() => say({ kind, recipient: "" })}
            />
            {t(`share.kinds.${kind}`)}
          </label>
        ))}
      </fieldset>
      <Recipient said={said} onChange={say} />
      <Series series={series} left={left} onChange={setLeft} />
      <OtherExams study={study} added={added} onChange={setAdded} />
      <fieldset className="choices">
        <legend>{t("share.gives")}</legend>
        {(["reports", "download"] as const).map((name) => (
          <label key={name}>
            <input
              type="checkbox"
              checked={terms[name]}
              onChange={(event) => setTerms({ ...terms, [name]: event.target.checked })}
            />
            {t(`share.${name}`)}
          </label>
        ))}
      </fieldset>
      <div className="field-row">
        <label className="field">
          <span>{t("share.until")}</span>
          <select value={terms.days} onChange={(event) => setTerms({ ...terms, days: Number(event.target.value) })}>
            {DAYS.map((days) => (
              <option key={days} value={days}>
                {t("share.days", { count: days })}
              </option>
            ))}
          </select>
        </label>
        {said.kind === "link" && (
          <label className="field">
            <span>{t("share.maximumUses")}</span>
            <select
              value={terms.maximumUses}
              onChange={(event) => setTerms({ ...terms, maximumUses: Number(event.target.value) })}
            >
              {[0, 1, 3, 10].map((uses) => (
                <option key={uses} value={uses}>
                  {uses === 0 ? t("share.anyUses") : t("share.uses", { count: uses })}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      {said.kind === "link" && <LinkSecrets said={said} onChange={say} />}
      <label className="field">
        <span>{t("share.message")}</span>
        <textarea
          value={said.message}
          maxLength={1000}
          rows={2}
          onChange={(event) => say({ message: event.target.value })}
        />
        <span className="hint">{t("share.messageHint")}</span>
      </label>
      {making.error && (
        <p className="message message-error" role="alert">
          <Refusal error={making.error} kind={said.kind} />
        </p>
      )}
      <div className="dialog-actions">
        <Button className="button button-quiet" onPress={onClose}>
          {t("share.cancel")}
        </Button>
        <Button className="button" type="submit" isDisabled={chosen.length === 0 || making.isPending}>
          {t("share.submit")}
        </Button>
      </div>
    </form>
  );
}

function Refusal({ error, kind }: { error: Error; kind: ShareKind }) {
  const { t } = useTranslation();
  const failure = kindOf(error);
  if (failure === "not-found") return t(kind === "link" ? "share.notYoursByLink" : "share.unknownRecipient");
  if (failure === "bad-request" && kind === "professional") return t("share.wrongRpps");
  if (failure === "bad-request" && kind === "link") return t("share.wrongLinkTerms");
  return t(`failure.${failure}`);
}

/** What was shared: a link is shown this once. */
function Shared({ share, onClose }: { share: NewShare; onClose: () => void }) {
  const { t, i18n } = useTranslation();
  const [isCopied, setCopied] = useState(false);
  const until = readableInstant(share.expires_at, i18n.language);
  return (
    <div className="form">
      <p className="message message-note" role="status">
        {share.url ? t("share.linkOnce", { until }) : t("share.done", { recipient: share.recipient, until })}
      </p>
      {share.url && (
        <>
          <QrCode text={share.url} label={t("share.qrCode")} />
          <label className="field">
            <span>{t("share.link")}</span>
            <input readOnly value={share.url} onFocus={(event) => event.currentTarget.select()} />
          </label>
          {share.has_passcode && <p className="hint">{t("share.passcodeApart")}</p>}
          {share.phone_number_ends_in && (
            <p className="hint">{t("share.phoneAsked", { digits: share.phone_number_ends_in })}</p>
          )}
        </>
      )}
      {share.under_access && <p className="hint">{t("share.underAccess")}</p>}
      <div className="dialog-actions">
        {share.url && (
          <Button
            className="button button-quiet"
            onPress={() => navigator.clipboard.writeText(share.url ?? "").then(() => setCopied(true))}
          >
            {t(isCopied ? "share.copied" : "share.copy")}
          </Button>
        )}
        <Button className="button" onPress={onClose}>
          {t("share.close")}
        </Button>
      </div>
    </div>
  );
}
