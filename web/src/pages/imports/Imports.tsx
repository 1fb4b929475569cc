import { PageBody, PageHead } from "../../ui/PageHead";
import { ImportsPane } from "./ImportsPane";

/** The runs of all syncs: what each extracted, and what became of its rows. */
export function Imports() {
  return (
    <>
      <PageHead title="Imports" />
      <PageBody label="Imports">
        <ImportsPane />
      </PageBody>
    </>
  );
}
