import { useRouteError } from "react-router";
import { reloadOnce } from "../reload";
import { Brand } from "../ui/Brand";
import { PageBody, PageHead } from "../ui/PageHead";
import { ErrorBox } from "../ui/states";

/** One page is broken; the shell around it is not. */
export function PageError() {
  const error = useMissing();
  return (
    <>
      <PageHead title="Something went wrong" />
      <PageBody label="Error" pad>
        <div className="measure">
          <ErrorBox error={error} retry={() => location.reload()} />
        </div>
      </PageBody>
    </>
  );
}

/** The frame itself is broken. */
export function RootError() {
  const error = useMissing();
  return (
    <main className="gate">
      <title>Headrace</title>
      <div className="gate-sheet">
        <div className="brand">
          <Brand />
        </div>
        <h1>Something went wrong</h1>
        <ErrorBox error={error} retry={() => location.reload()} />
      </div>
    </main>
  );
}

/** The error; a file of an older version that is gone brings the newer page instead. */
function useMissing(): unknown {
  const error = useRouteError();
  if (error instanceof TypeError && /dynamically imported module|module script/i.test(error.message))
    reloadOnce();
  return error;
}
