import { Button, PasswordInput, Textarea } from "@mantine/core";
import { type ClipboardEvent, useState } from "react";
import { fieldLabel, isKept } from "./model";
import type { FieldProps } from "./SchemaField";
import { common } from "./SchemaField";

/**
 * A secret. One that the service keeps is never shown: an empty field leaves it as it is, typing replaces it. Keys
 * of several lines turn the field into a masked area when they are pasted, so that no line break is lost.
 */
export function SecretField(props: FieldProps) {
  const { field, value, saved, onChange, disabled = false } = props;
  const text = typeof value === "string" ? value : "";
  const [lines, setLines] = useState(text.includes("\n"));
  const kept = isKept(saved);
  const removed = kept && value === null;

  const type = (next: string) => onChange(next === "" ? (kept ? saved : undefined) : next);
  const paste = (event: ClipboardEvent) => {
    const pasted = event.clipboardData.getData("text");
    if (!pasted.trim().includes("\n")) return;
    event.preventDefault();
    setLines(true);
    type(pasted);
  };
  const shared = {
    ...common(props),
    required: field.required && !kept,
    placeholder: removed ? "Will be removed" : kept ? "Kept; type to replace it" : "",
    autoComplete: "new-password",
    spellCheck: false,
    value: text,
  };
  return (
    <div>
      {lines ? (
        <Textarea
          {...shared}
          className="masked"
          rows={4}
          onChange={({ currentTarget }) => type(currentTarget.value)}
        />
      ) : (
        <PasswordInput
          {...shared}
          visibilityToggleButtonProps={{ "aria-label": `Show ${fieldLabel(field.name)}` }}
          onPaste={paste}
          onChange={({ currentTarget }) => type(currentTarget.value)}
        />
      )}
      {kept && !field.required && !disabled && (
        <Button variant="subtle" mt={2} onClick={() => onChange(removed ? saved : null)}>
          {removed ? "Keep it" : "Remove it"}
        </Button>
      )}
    </div>
  );
}
