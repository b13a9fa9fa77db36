import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Button, Dialog, DialogTrigger, Heading, Modal, ModalOverlay } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { hospitalsQuery } from "../api/hospitals";
import { useSession } from "../api/session";
import { makeShare, type NewShare, type ShareKind, sharesQuery } from "../api/shares";
import { kindOf } from "../components/ErrorMessage";
import { QrCode } from "../components/QrCode";
import { type DicomJson, Tag, text } from "../dicomweb/json_model";
import { readableInstant } from "./format";

const DAYS = [1, 7, 30, 90];
const KINDS: readonly ShareKind[] = ["link", "user", "hospital"];

/** The button of a study's page by which it is shared, and its dialog. */
export function ShareStudy({ study, series }: { study: string; series: DicomJson[] }) {
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

const NOTHING_SAID = { kind: "link" as ShareKind, recipient: "", label: "", message: "", passcode: "" };

function ShareForm({ study, series, onClose }: { study: string; series: DicomJson[]; onClose: () => void }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [said, setSaid] = useState(NOTHING_SAID);
  const [terms, setTerms] = useState({ reports: true, download: true, days: 7, maximumUses: 0 });
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const chosen = series.map((one) => text(one, Tag.SeriesInstanceUID)).filter((uid) => !left.has(uid));
  const making = useMutation({
    mutationFn: () =>
      makeShare({
        studies: [{ study_instance_uid: study, ...(left.size > 0 ? { series: chosen } : {}) }],
        kind: said.kind,
        message: said.message,
        reports: terms.reports,
        download: terms.download,
        days: terms.days,
        ...(said.kind === "link"
          ? {
              label: said.label,
              maximum_uses: terms.maximumUses,
              ...(said.passcode ? { passcode: said.passcode } : {}),
            }
          : { recipient: said.recipient }),
      }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: sharesQuery.queryKey }),
  });
  if (making.data) return <Shared share={making.data} onClose={onClose} />;
  function submit(event: FormEvent) {
    event.preventDefault();
    if (!making.isPending) making.mutate();
  }
  const say = (more: Partial<typeof NOTHING_SAID>) => setSaid({ ...said, ...more });
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
      <Recipient {...said} onChange={say} />
      <Series series={series} left={left} onChange={setLeft} />
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
      {said.kind === "link" && (
        <label className="field">
          <span>{t("share.passcode")}</span>
          <input
            value={said.passcode}
            minLength={6}
            maxLength={64}
            autoComplete="off"
            onChange={(event) => say({ passcode: event.target.value })}
          />
          <span className="hint">{t("share.passcodeHint")}</span>
        </label>
      )}
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
          {kindOf(making.error) === "not-found" ? t("share.unknownRecipient") : t(`failure.${kindOf(making.error)}`)}
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

interface RecipientProps {
  kind: ShareKind;
  recipient: string;
  label: string;
  onChange: (more: { recipient?: string; label?: string }) => void;
}

function Recipient({ kind, recipient, label, onChange }: RecipientProps) {
  const { t } = useTranslation();
  const own = useSession().data?.hospital?.id;
  const { data: hospitals = [] } = useQuery({ ...hospitalsQuery, enabled: kind === "hospital" });
  if (kind === "hospital") {
    return (
      <label className="field">
        <span>{t("share.hospital")}</span>
        <select value={recipient} required onChange={(event) => onChange({ recipient: event.target.value })}>
          <option value="">{t("share.choose")}</option>
          {hospitals
            .filter(({ id }) => id !== own)
            .map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
        </select>
      </label>
    );
  }
  const isUser = kind === "user";
  return (
    <label className="field">
      <span>{t(isUser ? "share.user" : "share.label")}</span>
      <input
        value={isUser ? recipient : label}
        required={isUser}
        maxLength={100}
        autoComplete="off"
        autoCapitalize={isUser ? "none" : undefined}
        onChange={(event) => onChange(isUser ? { recipient: event.target.value } : { label: event.target.value })}
      />
    </label>
  );
}

interface SeriesProps {
  series: DicomJson[];
  left: ReadonlySet<string>;
  onChange: (left: ReadonlySet<string>) => void;
}

/** Every series unless some are left out. */
function Series({ series, left, onChange }: SeriesProps) {
  const { t } = useTranslation();
  if (series.length < 2) return null;
  function choose(uid: string, isChosen: boolean) {
    const next = new Set(left);
    if (isChosen) next.delete(uid);
    else next.add(uid);
    onChange(next);
  }
  return (
    <details className="choices">
      <summary>{t("share.series", { chosen: series.length - left.size, count: series.length })}</summary>
      {series.map((one) => {
        const uid = text(one, Tag.SeriesInstanceUID);
        const name = [text(one, Tag.Modality), text(one, Tag.SeriesDescription)].filter(Boolean).join(" · ");
        return (
          <label key={uid}>
            <input type="checkbox" checked={!left.has(uid)} onChange={(event) => choose(uid, event.target.checked)} />
            {name || t("study.noSeriesDescription")}
          </label>
        );
      })}
    </details>
  );
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
        </>
      )}
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
