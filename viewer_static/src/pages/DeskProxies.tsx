import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Button, Form } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { endProxy, proxiesQuery, type Representative, renewProxyCode } from "../api/proxies";
import { ErrorMessage } from "../components/ErrorMessage";
import { TextEntry } from "../components/TextEntry";
import { Factors, IdentityCheck } from "./Factors";
import { CodeSheet } from "./HandOver";
import { ProxyLines } from "./MyProxies";
import { readBirthDate } from "./patient_input";
import { RegisterProxy } from "./RegisterProxy";

interface Patient {
  patientId: string;
  issuer: string;
}

/** At the desk: who acts for a patient. */
export function DeskProxies({ patientId, issuer }: Patient) {
  const { t } = useTranslation();
  const { data: proxies, error, refetch } = useQuery(proxiesQuery(patientId, issuer));
  return (
    <section className="desk-proxies" aria-labelledby="desk-proxies">
      <h2 id="desk-proxies">{t("proxy.title")}</h2>
      <p>{t("proxy.about")}</p>
      {error && <ErrorMessage error={error} onRetry={() => refetch()} />}
      {proxies?.length === 0 && <p className="empty">{t("proxy.none")}</p>}
      <ul className="access-list">
        {proxies?.map((proxy) => (
          <DeskProxy key={proxy.id} patient={{ patientId, issuer }} proxy={proxy} />
        ))}
      </ul>
      <RegisterProxy patientId={patientId} issuer={issuer} />
    </section>
  );
}

type Open = "" | "code" | "factors" | "end";

function DeskProxy({ patient, proxy }: { patient: Patient; proxy: Representative }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState<Open>("");
  const toggle = (wanted: Open) => () => setOpen(open === wanted ? "" : wanted);
  const labels = { code: "proxy.renew", factors: "proxy.factors", end: "proxy.end" } as const;
  return (
    <li className="desk-proxy">
      <ProxyLines proxy={proxy} />
      <div className="desk-actions">
        {(["code", "factors", "end"] as const).map((each) => (
          <Button
            key={each}
            className="button button-quiet button-small"
            aria-expanded={open === each}
            aria-label={t(`proxy.${each}Of`, { name: proxy.name })}
            onPress={toggle(each)}
          >
            {t(labels[each])}
          </Button>
        ))}
      </div>
      {open === "code" && <Renew patient={patient} proxy={proxy} />}
      {open === "factors" && (
        <Factors holder={{ ...patient, proxyId: proxy.id }} title={t("factors.ofProxy", { name: proxy.name })} />
      )}
      {open === "end" && <End patient={patient} proxy={proxy} onCancel={() => setOpen("")} />}
    </li>
  );
}

function Renew({ patient, proxy }: { patient: Patient; proxy: Representative }) {
  const { t } = useTranslation();
  const [birthDate, setBirthDate] = useState("");
  const [isSeen, setSeen] = useState(false);
  const day = readBirthDate(birthDate);
  const renewing = useMutation({
    mutationFn: (born: string) => renewProxyCode(patient.patientId, patient.issuer, proxy.id, born),
  });
  function submit(event: FormEvent) {
    event.preventDefault();
    if (day && isSeen && !renewing.isPending) renewing.mutate(day);
  }
  if (renewing.data) return <CodeSheet given={renewing.data} />;
  return (
    <Form onSubmit={submit} className="form desk-form" validationBehavior="aria">
      <TextEntry
        name="proxy-birth-date"
        label={t("proxy.birthDate")}
        hint={t("patientCode.birthDateHint")}
        value={birthDate}
        onChange={setBirthDate}
        autoComplete="off"
        input={{ inputMode: "numeric", maxLength: 20 }}
      />
      <IdentityCheck isSeen={isSeen} onChange={setSeen} />
      {renewing.error && <ErrorMessage error={renewing.error} />}
      <Button type="submit" className="button" isDisabled={!day || !isSeen}>
        {t(renewing.isPending ? "patientCode.wait" : "desk.replace")}
      </Button>
    </Form>
  );
}

function End({ patient, proxy, onCancel }: { patient: Patient; proxy: Representative; onCancel: () => void }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const ending = useMutation({
    mutationFn: () => endProxy(patient.patientId, patient.issuer, proxy.id),
    onSuccess: () => queryClient.invalidateQueries(proxiesQuery(patient.patientId, patient.issuer)),
  });
  return (
    <div>
      <p>{t("proxy.endAbout")}</p>
      {ending.error && <ErrorMessage error={ending.error} />}
      <div className="desk-actions">
        <Button className="button button-danger" onPress={() => ending.mutate()}>
          {t(ending.isPending ? "patientCode.wait" : "proxy.endConfirm")}
        </Button>
        <Button className="button button-quiet" onPress={onCancel}>
          {t("share.cancel")}
        </Button>
      </div>
    </div>
  );
}
