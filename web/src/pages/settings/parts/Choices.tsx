import { useId } from "react";

interface ChoicesProps<T extends string> {
  label: string;
  choices: readonly { value: T; label: string; may: string }[];
  value: T;
  onChange: (value: T) => void;
}

/** One of a few things, each with a sentence. */
export function Choices<T extends string>({ label, choices, value, onChange }: ChoicesProps<T>) {
  const name = useId();
  return (
    <fieldset className="choices">
      <legend className="m-label">{label}</legend>
      {choices.map((choice) => (
        <label key={choice.value} className="choice">
          <input
            type="radio"
            name={name}
            value={choice.value}
            checked={choice.value === value}
            onChange={() => onChange(choice.value)}
          />
          <b>{choice.label}</b>
          <span>{choice.may}</span>
        </label>
      ))}
    </fieldset>
  );
}
