import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type InputHTMLAttributes, useState } from "react";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import {
  ALGORITHMS,
  AUTHENTICATIONS,
  CLAIMS,
  type Provider,
  providersQuery,
  putProvider,
} from "../api/identity_providers";
import { kindOf } from "../components/ErrorMessage";
import { ProviderRules } from "./ProviderRules";
import { type Entries, entriesOf, isComplete, ruleOf, rulesOf, withClaims } from "./provider_values";

type TextName =
  | "name"
  | "issuer"
  | "client_id"
  | "secret"
  | "scopes"
  | "acr_values"
  | "subject_claim"
  | "name_claim"
  | "groups_claim";

const NEEDED: readonly [TextName, InputHTMLAttributes<HTMLInputElement>][] = [
  ["name", { maxLength: 100 }],
  ["issuer", { maxLength: 200, type: "url" }],
  ["client_id", { maxLength: 100 }],
  ["secret", { maxLength: 100, pattern: ".*sansfilm/oidc/.+" }],
];
const TECHNICAL: readonly [TextName, InputHTMLAttributes<HTMLInputElement>][] = [
  ["scopes", { maxLength: 100, pattern: "openid( .*)?" }],
  ["acr_values", { maxLength: 200, required: false }],
  ["subject_claim", { maxLength: 100 }],
  ["name_claim", { maxLength: 100 }],
];

/** Registers an identity provider, or changes the one that was read. */
export function ProviderForm({ provider, onClose }: { provider?: Provider; onClose: () => void }) {
  const { t } = useTranslation();
  const queryClient = useQueryClient();
  const [id, setId] = useState(provider?.id ?? "");
  const [said, setSaid] = useState(() => entriesOf(provider));
  const [rules, setRules] = useState(() => rulesOf(provider));
  const putting = useMutation({
    mutationFn: () => putProvider(id, { ...said, rules: rules.map(ruleOf) }, provider?.revision),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: providersQuery.queryKey });
      onClose();
    },
  });
  const say = (more: Partial<Entries>) => setSaid({ ...said, ...more });
  const canBeSent = rules.every(isComplete) && said.algorithms.length > 0;
  function submit(event: FormEvent) {
    event.preventDefault();
    if (canBeSent && !putting.isPending) putting.mutate();
  }
  const text = ([name, input]: (typeof NEEDED)[number]) => (
    <TextField key={name} name={name} value={said[name]} onChange={(value) => say({ [name]: value })} input={input} />
  );
  return (
    <form className="form provider-form" onSubmit={submit}>
      {!provider && (
        <TextField
          name="id"
          value={id}
          onChange={setId}
          input={{ maxLength: 40, pattern: "[a-z][a-z0-9]*(-[a-z0-9]+)*" }}
        />
      )}
      {NEEDED.map(text)}
      <Choice
        name="claims"
        values={CLAIMS}
        value={said.claims}
        onChange={(claims) => setSaid(withClaims(said, claims))}
      />
      {said.claims === "groups" && text(["groups_claim", { maxLength: 100 }])}
      <ProviderRules claims={said.claims} rules={rules} onChange={setRules} />
      <details className="choices">
        <summary>{t("providers.technical")}</summary>
        <div className="form">
          <Choice
            name="authentication"
            values={AUTHENTICATIONS}
            value={said.authentication}
            onChange={(authentication) => say({ authentication })}
          />
          {TECHNICAL.map(text)}
          <Algorithms chosen={said.algorithms} onChange={(algorithms) => say({ algorithms })} />
        </div>
      </details>
      <div className="choices">
        <label>
          <input type="checkbox" checked={said.enabled} onChange={(event) => say({ enabled: event.target.checked })} />
          {t("providers.enabled")}
        </label>
      </div>
      {!canBeSent && (
        <p className="message message-note" role="status">
          {t("providers.incomplete")}
        </p>
      )}
      {putting.error && <Failure kind={kindOf(putting.error)} isNew={!provider} />}
      <div className="desk-actions">
        <Button className="button" type="submit" isDisabled={!canBeSent || putting.isPending}>
          {t(provider ? "providers.save" : "providers.create")}
        </Button>
        <Button className="button button-quiet" onPress={onClose}>
          {t("share.cancel")}
        </Button>
      </div>
    </form>
  );
}

function Failure({ kind, isNew }: { kind: ReturnType<typeof kindOf>; isNew: boolean }) {
  const { t } = useTranslation();
  return (
    <p className="message message-error" role="alert">
      {kind === "bad-request"
        ? t("providers.impossible")
        : kind === "conflict" && isNew
          ? t("providers.known")
          : t(`failure.${kind}`)}
    </p>
  );
}

interface TextFieldProps {
  name: TextName | "id";
  value: string;
  onChange: (value: string) => void;
  input: InputHTMLAttributes<HTMLInputElement>;
}

function TextField({ name, value, onChange, input }: TextFieldProps) {
  const { t } = useTranslation();
  const hint = t(`providers.hints.${name}`, { defaultValue: "" });
  return (
    <label className="field">
      <span>{t(`providers.fields.${name}`)}</span>
      <input
        required
        spellCheck="false"
        autoCapitalize="none"
        autoComplete="off"
        value={value}
        onChange={(event) => onChange(event.target.value)}
        {...input}
      />
      {hint && <span className="hint">{hint}</span>}
    </label>
  );
}

interface ChoiceProps<Value extends string> {
  name: "claims" | "authentication";
  values: readonly Value[];
  value: Value;
  onChange: (value: Value) => void;
}

function Choice<Value extends string>({ name, values, value, onChange }: ChoiceProps<Value>) {
  const { t } = useTranslation();
  return (
    <label className="field">
      <span>{t(`providers.fields.${name}`)}</span>
      <select value={value} onChange={(event) => onChange(event.target.value as Value)}>
        {values.map((each) => (
          <option key={each} value={each}>
            {t(`providers.${name}.${each}`, { defaultValue: each })}
          </option>
        ))}
      </select>
    </label>
  );
}

type Chosen = Entries["algorithms"];

function Algorithms({ chosen, onChange }: { chosen: Chosen; onChange: (chosen: Chosen) => void }) {
  const { t } = useTranslation();
  return (
    <fieldset className="choices">
      <legend>{t("providers.fields.algorithms")}</legend>
      {ALGORITHMS.map((name) => (
        <label key={name}>
          <input
            type="checkbox"
            checked={chosen.includes(name)}
            onChange={(event) =>
              onChange(ALGORITHMS.filter((one) => (one === name ? event.target.checked : chosen.includes(one))))
            }
          />
          {name}
        </label>
      ))}
    </fieldset>
  );
}
