import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { oppositionQuery, type PatientId, recordOpposition } from "../api/care";
import { ErrorMessage } from "../components/ErrorMessage";
import { readableInstant } from "./format";

/** Whether a patient opposes that other hospitals reach the exams: the patient's own choice, or one told at the desk. */
export function OppositionChoice({ patient }: { patient?: PatientId }) {
  const { t, i18n } = useTranslation();
  const queryClient = useQueryClient();
  const wanted = oppositionQuery(patient);
  const { data, error } = useQuery(wanted);
  const recording = useMutation({
    mutationFn: (opposes: boolean) => recordOpposition(opposes, patient),
    onSuccess: (recorded) => {
      queryClient.setQueryData(wanted.queryKey, recorded);
      void queryClient.invalidateQueries({ queryKey: ["access-grants"] });
    },
  });
  const who = patient ? "desk" : "own";
  return (
    <section className="opposition" aria-labelledby="opposition">
      <h2 id="opposition">{t("opposition.title")}</h2>
      <p>{t(`opposition.about.${who}`)}</p>
      {error && <ErrorMessage error={error} />}
      {data && (
        <>
          <p role="status" className="strong">
            {t(`opposition.${data.opposes ? "opposed" : "notOpposed"}.${who}`)}
            {data.recorded_at && <span className="sub"> {readableInstant(data.recorded_at, i18n.language)}</span>}
          </p>
          <Button
            className="button button-quiet"
            onPress={() => recording.mutate(!data.opposes)}
            isDisabled={recording.isPending}
          >
            {t(`opposition.${data.opposes ? "agree" : "oppose"}.${who}`)}
          </Button>
        </>
      )}
      {recording.error && <ErrorMessage error={recording.error} />}
    </section>
  );
}
