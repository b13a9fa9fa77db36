import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { createMachine, machinesQuery, SERVICES, type Service } from "../api/machines";
import { kindOf } from "../components/ErrorMessage";
import { MachineSecretShown } from "./MachineSecretShown";

interface Props {
  hospital: string;
  onClose: () => void;
}

/** Registers a machine, and shows its secret once. */
export function MachineForm({ hospital, onClose }: Props) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [name, setName] = useState("");
  const [services, setServices] = useState<readonly Service[]>(["store"]);
  const making = useMutation({
    mutationFn: () => createMachine(hospital, name.trim(), services),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: machinesQuery(hospital).queryKey }),
  });
  if (making.data) return <MachineSecretShown machine={making.data} onNoted={onClose} />;
  function submit(event: FormEvent) {
    event.preventDefault();
    if (name.trim() && services.length > 0 && !making.isPending) making.mutate();
  }
  const toggle = (service: Service, isWanted: boolean) =>
    setServices(SERVICES.filter((one) => (one === service ? isWanted : services.includes(one))));
  return (
    <form className="form" onSubmit={submit}>
      <label className="field">
        <span>{t("machines.name")}</span>
        <input
          value={name}
          required
          maxLength={100}
          autoComplete="off"
          onChange={(event) => setName(event.target.value)}
        />
        <span className="hint">{t("machines.nameHint")}</span>
      </label>
      <fieldset className="choices">
        <legend>{t("machines.services")}</legend>
        {SERVICES.map((service) => (
          <label key={service}>
            <input
              type="checkbox"
              checked={services.includes(service)}
              onChange={(event) => toggle(service, event.target.checked)}
            />
            {t(`machines.serviceLong.${service}`)}
          </label>
        ))}
      </fieldset>
      {services.length === 0 && (
        <p className="message message-note" role="status">
          {t("machines.noService")}
        </p>
      )}
      {making.error && (
        <p className="message message-error" role="alert">
          {kindOf(making.error) === "conflict" ? t("machines.tooMany") : t(`failure.${kindOf(making.error)}`)}
        </p>
      )}
      <div className="dialog-actions">
        <Button className="button button-quiet" onPress={onClose}>
          {t("share.cancel")}
        </Button>
        <Button className="button" type="submit" isDisabled={services.length === 0 || making.isPending}>
          {t("machines.create")}
        </Button>
      </div>
    </form>
  );
}
