import type { Hospital } from "../api/hospitals";

interface Props {
  label: string;
  choices: Hospital[];
  value: string;
  onChange: (hospital: string) => void;
}

export function HospitalChoice({ label, choices, value, onChange }: Props) {
  return (
    <label className="field">
      <span>{label}</span>
      <select value={value} disabled={choices.length < 2} onChange={(event) => onChange(event.target.value)}>
        {choices.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
