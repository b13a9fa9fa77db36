import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Button, Form } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { endOperatedShare, type OperatedShare, readOperatedShare } from "../api/shares";
import { ErrorMessage, kindOf } from "../components/ErrorMessage";
import { TextEntry } from "../components/TextEntry";
import { readableInstant } from "./format";

/** To an operator: an end to a share that somebody reported, by its reference, without images or names. */
export function EndShareById() {
  const { t } = useTranslation();
  const [id, setId] = useState("");
  const looking = useMutation({ mutationFn: (reference: string) => readOperatedShare(reference) });
  const ending = useMutation({
    mutationFn: async (reference: string) => {
      await endOperatedShare(reference);
      return looking.mutateAsync(reference);
    },
  });
  function submit(event: FormEvent) {
    event.preventDefault();
    const reference = id.trim();
    ending.reset();
    if (reference && !looking.isPending) looking.mutate(reference);
  }
  const share = looking.data;
  return (
    <>
      <Form onSubmit={submit} className="form desk-form">
        <TextEntry
          name="share-reference"
          label={t("endShare.reference")}
          hint={t("endShare.hint")}
          value={id}
          onChange={setId}
          autoComplete="off"
          input={{ maxLength: 60, autoCapitalize: "none" }}
        />
        <Button type="submit" className="button">
          {t("endShare.find")}
        </Button>
      </Form>
      {looking.error &&
        (kindOf(looking.error) === "not-found" ? (
          <p className="message message-error" role="alert">
            {t("endShare.unknown")}
          </p>
        ) : (
          <ErrorMessage error={looking.error} />
        ))}
      {share && <Found share={share} onEnd={() => ending.mutate(share.id)} isEnding={ending.isPending} />}
      {ending.error && <ErrorMessage error={ending.error} />}
    </>
  );
}

function Found({ share, onEnd, isEnding }: { share: OperatedShare; onEnd: () => void; isEnding: boolean }) {
  const { t, i18n } = useTranslation();
  const instant = (value: string) => readableInstant(value, i18n.language);
  return (
    <section className="share-card" data-share={share.id} aria-live="polite">
      <h3>{`${t(`shares.kinds.${share.kind}`)} · ${share.hospitals.join(", ")}`}</h3>
      <span className={share.state === "live" ? "state" : "state state-over"}>{t(`shares.states.${share.state}`)}</span>
      <p className="sub">
        {t("shares.period", { from: instant(share.created_at), until: instant(share.expires_at) })}
        {` · ${t("endShare.exams", { count: share.study_count })}, ${t("shares.uses", { count: share.uses })}`}
      </p>
      {share.state !== "revoked" && (
        <Button className="button button-danger" onPress={onEnd} isDisabled={isEnding}>
          {t("sharesOfOthers.end")}
        </Button>
      )}
    </section>
  );
}
