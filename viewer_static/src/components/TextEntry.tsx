import type { InputHTMLAttributes } from "react";
import { Input, Label, Text, TextField, type TextFieldProps } from "react-aria-components";

interface Props extends Omit<TextFieldProps, "children"> {
  label: string;
  /** How to write it, read out with the label. */
  hint?: string;
  input?: InputHTMLAttributes<HTMLInputElement>;
}

/** A field of a form: label, box, and how to fill it. */
export function TextEntry({ label, hint, input, ...field }: Props) {
  return (
    <TextField {...field}>
      <Label>{label}</Label>
      <Input spellCheck="false" {...input} />
      {hint && (
        <Text slot="description" className="hint">
          {hint}
        </Text>
      )}
    </TextField>
  );
}
