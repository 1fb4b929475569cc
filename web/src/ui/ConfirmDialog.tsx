import { Button, Modal, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useState } from "react";
import { ErrorBox } from "./states";

interface ConfirmDialogProps {
  opened: boolean;
  onClose: () => void;
  title: string;
  /** What will happen, and what will not. */
  children: ReactNode;
  /** The word on the button: what it does. */
  action: string;
  /** Does it; the dialog closes when it succeeded, and shows the error when not. */
  onConfirm: () => Promise<unknown>;
  /** Has to be typed first, for what cannot be undone. */
  typeName?: string;
  danger?: boolean;
  /** It cannot be done as things stand; what is inside says why. */
  disabled?: boolean;
}

/** Asks before something that matters is done. */
export function ConfirmDialog({ opened, onClose, title, ...rest }: ConfirmDialogProps) {
  return (
    <Modal opened={opened} onClose={onClose} title={title} lockScroll={false}>
      <Question onClose={onClose} {...rest} />
    </Modal>
  );
}

type QuestionProps = Omit<ConfirmDialogProps, "opened" | "title">;

function Question({
  onClose,
  children,
  action,
  onConfirm,
  typeName,
  danger = true,
  disabled = false,
}: QuestionProps) {
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const ready = !disabled && (typeName === undefined || typed.trim() === typeName);

  async function confirm(event: FormEvent) {
    event.preventDefault();
    if (!ready || busy) return;
    setBusy(true);
    try {
      await onConfirm();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  }

  return (
    <form className="stack-v" onSubmit={confirm}>
      <div className="muted">{children}</div>
      {typeName !== undefined && !disabled && (
        <TextInput
          label={`Type ${typeName} to confirm`}
          data-autofocus
          autoComplete="off"
          spellCheck={false}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
      )}
      <ErrorBox error={error} />
      <div className="row-h">
        <span className="push" />
        <Button onClick={onClose}>Cancel</Button>
        <Button
          type="submit"
          variant="filled"
          {...(danger && { color: "red" })}
          disabled={!ready}
          loading={busy}
          {...(typeName === undefined && { "data-autofocus": true })}
        >
          {action}
        </Button>
      </div>
    </form>
  );
}
