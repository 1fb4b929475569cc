import { Button } from "@mantine/core";
import { IconCompass } from "@tabler/icons-react";
import { Link, useLocation } from "react-router";
import { paths } from "../paths";
import { PageBody, PageHead } from "../ui/PageHead";
import { EmptyState } from "../ui/states";

interface NotFoundProps {
  /** What is not there: "There is no sync called people." */
  title: string;
  children: string;
  /** Where to look for it. */
  to: string;
  link: string;
}

/** A page for a thing that is not there (any more). */
export function NotFound({ title, children, to, link }: NotFoundProps) {
  const action = (
    <Button component={Link} to={to}>
      {link}
    </Button>
  );
  return (
    <>
      <PageHead title="Not found" />
      <PageBody label="Not found">
        <EmptyState icon={IconCompass} title={title} action={action}>
          {children}
        </EmptyState>
      </PageBody>
    </>
  );
}

/** There is no such address. */
export function Lost() {
  const { pathname } = useLocation();
  return (
    <NotFound title={`There is no page at ${pathname}`} to={paths.overview} link="Go to the overview">
      Check the address. What it led to may have been renamed or deleted.
    </NotFound>
  );
}
