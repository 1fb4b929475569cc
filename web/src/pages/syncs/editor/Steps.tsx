import { Link } from "react-router";
import { useParamLink } from "../../../ui/url";

interface StepsProps<T extends string> {
  label: string;
  param: string;
  open: T;
  steps: readonly { value: T; label: string; count?: number }[];
}

/** Tabs of one thing that is edited. What else stands in the address stays: the tabs look at the same preview. */
export function Steps<T extends string>({ label, param, open, steps }: StepsProps<T>) {
  const link = useParamLink();
  return (
    <nav className="tabs" aria-label={label}>
      {steps.map(({ value, label: text, count }, at) => (
        <Link
          key={value}
          to={link(param, at === 0 ? null : value)}
          aria-current={value === open ? (param === "step" ? "step" : "page") : undefined}
        >
          {text}
          {count !== undefined && <span className="count">{count}</span>}
        </Link>
      ))}
    </nav>
  );
}
