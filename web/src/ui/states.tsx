import { Button } from "@mantine/core";
import { IconAlertTriangle, IconRefresh } from "@tabler/icons-react";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ComponentType, ReactNode } from "react";
import { asProblem } from "../api/problem";

interface EmptyStateProps {
  title: string;
  /** What to do next. */
  children?: ReactNode;
  icon?: ComponentType<{ size?: number; stroke?: number; "aria-hidden"?: boolean }>;
  /** The button or link that does it. */
  action?: ReactNode;
}

/** Nothing is here yet, and what to do about it. */
export function EmptyState({ title, children, icon: Icon, action }: EmptyStateProps) {
  return (
    <div className="empty">
      {Icon && <Icon size={28} stroke={1.4} aria-hidden />}
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

interface ErrorBoxProps {
  error: unknown;
  /** Offers another try. */
  retry?: () => void;
  /** Leave out findings that are shown at their fields. */
  findings?: boolean;
}

/** What the API said went wrong: its message, its code, and every finding. Null shows nothing. */
export function ErrorBox({ error, retry, findings = true }: ErrorBoxProps) {
  if (error === null || error === undefined) return null;
  const problem = asProblem(error);
  return (
    <div className="note bad" role="alert">
      <IconAlertTriangle size={16} stroke={1.7} aria-hidden />
      <div>
        <p>
          {problem.message} <code className="note-code">{problem.code}</code>
        </p>
        {findings && problem.findings.length > 0 && (
          <ul className="note-list">
            {problem.findings.map((finding) => (
              <li key={`${finding.where} ${finding.message}`}>
                <code>{finding.where}</code> {finding.message}
              </li>
            ))}
          </ul>
        )}
        {retry && (
          <Button mt={8} leftSection={<IconRefresh size={14} />} onClick={retry}>
            Try again
          </Button>
        )}
      </div>
    </div>
  );
}

/** Quiet words beside something: a hint (default), a success or a warning. */
export function Note({
  tone = "quiet",
  children,
}: {
  tone?: "quiet" | "ok" | "warn" | "bad";
  children: ReactNode;
}) {
  return (
    <div className={`note ${tone}`}>
      <div>{children}</div>
    </div>
  );
}

/** Grey lines in the place of what loads. */
export function Skeleton({ lines = 4 }: { lines?: number }) {
  return (
    <div className="skeleton" aria-hidden>
      {Array.from({ length: lines }, (_, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines have nothing but their place
        <span key={at} />
      ))}
    </div>
  );
}

interface LoadedProps<T> {
  query: UseQueryResult<T>;
  children: (data: T) => ReactNode;
  /** What stands there while it loads. */
  loading?: ReactNode;
}

/** What a query brought; before that a skeleton, or the error with another try. */
export function Loaded<T>({ query, children, loading }: LoadedProps<T>) {
  if (query.data !== undefined) return children(query.data);
  if (query.isError) {
    return (
      <div className="pad">
        <ErrorBox error={query.error} retry={() => void query.refetch()} />
      </div>
    );
  }
  return (
    <div aria-busy="true">
      <span className="sr" role="status">
        Loading
      </span>
      {loading ?? (
        <div className="pad">
          <Skeleton />
        </div>
      )}
    </div>
  );
}
