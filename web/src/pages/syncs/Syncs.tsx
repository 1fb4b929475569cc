import { Button } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { Link } from "react-router";
import { useMay } from "../../api/queries-session";
import { paths } from "../../paths";
import { PageBody, PageHead } from "../../ui/PageHead";
import { SyncsPane } from "./list/SyncsPane";

/** All syncs: how each stands, when it ran and when it will, and its switch. */
export function Syncs() {
  const edit = useMay("edit");
  return (
    <>
      <PageHead title="Syncs">
        {edit && (
          <Button
            variant="filled"
            component={Link}
            to={paths.newSync()}
            leftSection={<IconPlus size={14} stroke={2} />}
          >
            Add sync
          </Button>
        )}
      </PageHead>
      <PageBody label="Syncs">
        <SyncsPane />
      </PageBody>
    </>
  );
}
