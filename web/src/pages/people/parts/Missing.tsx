import type { UseQueryResult } from "@tanstack/react-query";
import { ApiProblem } from "../../../api/client";
import { type Crumb, PageBody, PageHead } from "../../../ui/PageHead";
import { Loaded } from "../../../ui/states";
import { NotFound } from "../../NotFound";

interface MissingProps {
  title: string;
  crumb: Crumb;
  query: UseQueryResult<unknown>;
}

/** The page of something that is not here yet, or not at all. */
export function Missing({ title, crumb, query }: MissingProps) {
  if (query.error instanceof ApiProblem && query.error.status === 404) {
    return (
      <NotFound
        title={`This ${title.toLowerCase()} is not here`}
        to={crumb.to}
        link={`Go to ${crumb.label.toLowerCase()}`}
      >
        {query.error.message}
      </NotFound>
    );
  }
  return (
    <>
      <PageHead title={title} crumbs={[crumb]} />
      <PageBody label={title}>
        <Loaded query={query}>{() => null}</Loaded>
      </PageBody>
    </>
  );
}
