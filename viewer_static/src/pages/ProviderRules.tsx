import { useQuery } from "@tanstack/react-query";
import { Button } from "react-aria-components";
import { useTranslation } from "react-i18next";
import { hospitalsQuery } from "../api/hospitals";
import { RULE_ROLES, type RuleRole } from "../api/identity_providers";
import { type Entries, moved, type RuleEntry } from "./provider_values";

interface Props {
  claims: Entries["claims"];
  rules: RuleEntry[];
  onChange: (rules: RuleEntry[]) => void;
}

/** Who becomes what, in the order in which it is tried. */
export function ProviderRules({ claims, rules, onChange }: Props) {
  const { t } = useTranslation();
  const next = Math.max(-1, ...rules.map(({ key }) => key)) + 1;
  const add = () => onChange([...rules, { key: next, facts: "", role: "radiologist", hospital: "" }]);
  return (
    <fieldset className="choices rules">
      <legend>{t("providers.rules")}</legend>
      <p className="hint">{t(`providers.rulesHint.${claims}`)}</p>
      <ol>
        {rules.map((rule, index) => (
          <li key={rule.key}>
            <Rule
              number={index + 1}
              rule={rule}
              onChange={(changed) => onChange(rules.map((one) => (one === rule ? changed : one)))}
            />
            <div className="desk-actions">
              {([-1, 1] as const).map((by) => (
                <Button
                  key={by}
                  className="button button-quiet button-small"
                  aria-label={t(by < 0 ? "providers.upOf" : "providers.downOf", { number: index + 1 })}
                  isDisabled={!rules[index + by]}
                  onPress={() => onChange(moved(rules, index, by))}
                >
                  {by < 0 ? "↑" : "↓"}
                </Button>
              ))}
              <Button
                className="button button-quiet button-small"
                aria-label={t("providers.withoutRule", { number: index + 1 })}
                onPress={() => onChange(rules.filter((one) => one !== rule))}
              >
                {t("providers.without")}
              </Button>
            </div>
          </li>
        ))}
      </ol>
      <Button className="button button-quiet button-small" onPress={add}>
        {t("providers.addRule")}
      </Button>
    </fieldset>
  );
}

interface RuleProps {
  number: number;
  rule: RuleEntry;
  onChange: (rule: RuleEntry) => void;
}

function Rule({ number, rule, onChange }: RuleProps) {
  const { t } = useTranslation();
  const { data: hospitals = [] } = useQuery(hospitalsQuery);
  const label = (name: "facts" | "role" | "hospital") =>
    t("providers.ofRule", { what: t(`providers.${name}`), number });
  return (
    <div className="field-row">
      <label className="field">
        <span>{t("providers.facts")}</span>
        <input
          value={rule.facts}
          required
          maxLength={1000}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck="false"
          aria-label={label("facts")}
          onChange={(event) => onChange({ ...rule, facts: event.target.value })}
        />
      </label>
      <label className="field">
        <span>{t("providers.role")}</span>
        <select
          value={rule.role}
          aria-label={label("role")}
          onChange={(event) => onChange({ ...rule, role: event.target.value as RuleRole })}
        >
          {RULE_ROLES.map((role) => (
            <option key={role} value={role}>
              {t(`providers.roles.${role}`)}
            </option>
          ))}
        </select>
      </label>
      <label className="field">
        <span>{t("providers.hospital")}</span>
        <select
          value={rule.hospital}
          required={rule.role !== "gp"}
          aria-label={label("hospital")}
          onChange={(event) => onChange({ ...rule, hospital: event.target.value })}
        >
          <option value="">{t(rule.role === "gp" ? "providers.noHospital" : "share.choose")}</option>
          {hospitals.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}
