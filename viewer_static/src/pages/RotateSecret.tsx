import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { type Machine, machinesQuery, rotateSecret } from "../api/machines";
import { ErrorMessage } from "../components/ErrorMessage";
import { MachineSecretShown } from "./MachineSecretShown";

const DAY_S = 86_400;
const OVERLAPS_DAYS = [7, 1, 30, 0] as const;

interface Props {
  hospital: string;
  machine: Machine;
  onClose: () => void;
}

/** Gives a machine a new secret, and says how long the one before stays good. */
export function RotateSecret({ hospital, machine, onClose }: Props) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [days, setDays] = useState<number>(OVERLAPS_DAYS[0]);
  const rotating = useMutation({
    mutationFn: () => rotateSecret(hospital, machine, days * DAY_S),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: machinesQuery(hospital).queryKey }),
  });
  if (rotating.data) return <MachineSecretShown machine={rotating.data} onNoted={onClose} />;
  function submit(event: FormEvent) {
    event.preventDefault();
    if (!rotating.isPending) rotating.mutate();
  }
  return (
    <form className="form" onSubmit={submit}>
      <p>{t("machines.rotateAbout")}</p>
      <fieldset className="choices">
        <legend>{t("machines.previous")}</legend>
        {OVERLAPS_DAYS.map((each) => (
          <label key={each}>
            <input type="radio" name="overlap" checked={days === each} onChange={() => setDays(each)} />
            {each === 0 ? t("machines.previousEnds") : t("machines.previousDays", { count: each })}
          </label>
        ))}
      </fieldset>
      {rotating.error && <ErrorMessage error={rotating.error} />}
      <div className="dialog-actions">
        <Button className="button button-quiet" onPress={onClose}>
          {t("share.cancel")}
        </Button>
        <Button className="button" type="submit" isDisabled={rotating.isPending}>
          {t("machines.rotateConfirm")}
        </Button>
      </div>
    </form>
  );
}
