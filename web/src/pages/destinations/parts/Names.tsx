import { Link } from "react-router";

interface NamesProps {
  names: readonly string[];
  to: (name: string) => string;
  /** The words where there are none. */
  none: string;
  most?: number;
}

/** The first names as links, and how many more there are. */
export function Names({ names, to, none, most = 3 }: NamesProps) {
  if (names.length === 0) return <span className="faint">{none}</span>;
  const shown = names.slice(0, most);
  return (
    <span className="names">
      {shown.map((name) => (
        <Link key={name} className="link clip" to={to(name)}>
          {name}
        </Link>
      ))}
      {names.length > most && <span className="faint num">and {names.length - most} more</span>}
    </span>
  );
}
