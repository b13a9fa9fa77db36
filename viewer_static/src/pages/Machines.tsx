import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { type Machine, machinesQuery, revokeMachine } from "../api/machines";
import { ErrorMessage } from "../components/ErrorMessage";
import { FormDialog } from "../components/FormDialog";
import { HospitalChoice } from "../components/HospitalChoice";
import { Loading, Page } from "../components/Page";
import { readableInstant } from "./format";
import { MachineForm } from "./MachineForm";
import { RotateSecret } from "./RotateSecret";
import { useHospital } from "./use_hospital";

/** Systems of a hospital that store and read by themselves: registered, given new secrets, ended. */
export function MachinesPage() {
  const { t } = useTranslation();
  const { hospital, choices, choose, error } = useHospital();
  return (
    <Page title={t("machines.title")}>
      <p className="introduction">{t("machines.introduction")}</p>
      {error && <ErrorMessage error={error} />}
      <div className="filters">
        <HospitalChoice label={t("machines.hospital")} choices={choices} value={hospital} onChange={choose} />
        <FormDialog label={t("machines.add")} title={t("machines.add")} className="button" isSticky>
          {(close) => <MachineForm hospital={hospital} onClose={close} />}
        </FormDialog>
      </div>
      <List hospital={hospital} />
    </Page>
  );
}

function List({ hospital }: { hospital: string }) {
  const { t } = useTranslation();
  const { data: machines, error, refetch } = useQuery(machinesQuery(hospital));
  if (error && !machines) return <ErrorMessage error={error} onRetry={() => refetch()} />;
  if (!machines) return <Loading label={t("loading")} />;
  if (machines.length === 0) return <p className="empty">{t("machines.empty")}</p>;
  return (
    <ul className="share-list">
      {machines.map((machine) => (
        <MachineCard key={machine.client_id} hospital={hospital} machine={machine} />
      ))}
    </ul>
  );
}

function MachineCard({ hospital, machine }: { hospital: string; machine: Machine }) {
  const { t, i18n } = useTranslation();
  const instant = (value: string) => readableInstant(value, i18n.language);
  const [newest, ...older] = machine.secrets;
  return (
    <li className="share-card" data-machine={machine.client_id}>
      <h2>{machine.name}</h2>
      <dl className="facts">
        <div>
          <dt>{t("machines.clientId")}</dt>
          <dd>
            <code>{machine.client_id}</code>
          </dd>
        </div>
        <div>
          <dt>{t("machines.services")}</dt>
          <dd>{machine.services.map((service) => t(`machines.service.${service}`)).join(", ")}</dd>
        </div>
        <div>
          <dt>{t("machines.registered")}</dt>
          <dd>{instant(machine.created_at)}</dd>
        </div>
        <div>
          <dt>{t("machines.secret")}</dt>
          <dd>
            {newest && t("machines.secretSince", { since: instant(newest.created_at) })}
            {older.map((one) => (
              <span key={one.created_at} className="sub">
                {t("machines.secretUntil", { until: one.expires_at ? instant(one.expires_at) : "" })}
              </span>
            ))}
          </dd>
        </div>
      </dl>
      <div className="desk-actions">
        <FormDialog label={t("machines.rotate")} title={t("machines.rotateOf", { name: machine.name })} isSticky>
          {(close) => <RotateSecret hospital={hospital} machine={machine} onClose={close} />}
        </FormDialog>
        <FormDialog label={t("machines.end")} title={t("machines.endOf", { name: machine.name })}>
          {(close) => <EndMachine hospital={hospital} machine={machine} onClose={close} />}
        </FormDialog>
      </div>
    </li>
  );
}

function EndMachine({ hospital, machine, onClose }: { hospital: string; machine: Machine; onClose: () => void }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const ending = useMutation({
    mutationFn: () => revokeMachine(hospital, machine),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: machinesQuery(hospital).queryKey });
      onClose();
    },
  });
  return (
    <div className="form">
      <p>{t("machines.endAbout")}</p>
      {ending.error && <ErrorMessage error={ending.error} />}
      <div className="dialog-actions">
        <Button className="button button-quiet" onPress={onClose}>
          {t("share.cancel")}
        </Button>
        <Button className="button button-danger" onPress={() => ending.mutate()} isDisabled={ending.isPending}>
          {t("machines.endConfirm")}
        </Button>
      </div>
    </div>
  );
}
