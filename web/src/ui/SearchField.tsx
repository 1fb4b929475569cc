import { TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useEffect, useEffectEvent, useState } from "react";
import { useNavigation } from "react-router";
import { useParam } from "./url";

const PAUSE = 200;

interface SearchFieldProps {
  label: string;
  /** The search parameter that holds the text; read it with `useParam(param)[0]`. */
  param?: string;
  width?: number;
}

/** A field whose text stands in the address, a moment after the last key. */
export function SearchField({ label, param = "q", width = 240 }: SearchFieldProps) {
  const [kept, keep] = useParam(param, "replace");
  const [text, setText] = useState(kept ?? "");
  const [seen, setSeen] = useState(kept);
  if (seen !== kept) {
    // Back, or a link: the address leads.
    setSeen(kept);
    if ((kept ?? "") !== text.trim()) setText(kept ?? "");
  }
  const leaving = useNavigation().state !== "idle";
  const save = useEffectEvent(() => {
    // A link that was followed right after the last key wins: to write the address now would call it back.
    if (!leaving) keep(text.trim());
  });
  useEffect(() => {
    if (text.trim() === (kept ?? "")) return;
    const timer = setTimeout(() => save(), PAUSE);
    return () => clearTimeout(timer);
  }, [text, kept]);
  return (
    <TextInput
      type="search"
      aria-label={label}
      placeholder={label}
      w={width}
      className="search-field"
      leftSection={<IconSearch size={14} stroke={1.7} aria-hidden />}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
    />
  );
}
