import { Button } from "@mantine/core";
import { IconSearchOff, IconUsers } from "@tabler/icons-react";
import { Link } from "react-router";
import { useMay } from "../../../api/queries-session";
import { useSyncs } from "../../../api/queries-syncs";
import { paths } from "../../../paths";
import { EmptyState } from "../../../ui/states";

interface NothingProps {
  workspace: string;
  /** "people", "objects" */
  what: string;
  /** How such things come to be: "calls of the kind identify". */
  made: string;
  searched: boolean;
}

/** An empty list: because of the search, or because nothing has arrived. */
export function Nothing({ workspace, what, made, searched }: NothingProps) {
  const syncs = useSyncs({ destination: workspace }).data;
  const edit = useMay("edit");
  if (searched) {
    return (
      <EmptyState icon={IconSearchOff} title={`No ${what} found`}>
        Ids and attributes are searched, in any letter case. Search for less of it.
      </EmptyState>
    );
  }
  const [first] = syncs ?? [];
  const add = edit && syncs?.length === 0;
  return (
    <EmptyState
      icon={IconUsers}
      title={`No ${what} yet`}
      action={
        first ? (
          <Button component={Link} to={paths.sync(first.name)}>
            Go to the sync {first.name}
          </Button>
        ) : (
          add && (
            <Button component={Link} to={paths.newSync()}>
              Add sync
            </Button>
          )
        )
      }
    >
      The workspace {workspace} keeps what syncs deliver to it; {what} come of {made}.{" "}
      {syncs?.length === 0
        ? `No sync delivers to it yet: choose ${workspace} among a sync's destinations.`
        : "Run one of its syncs."}
    </EmptyState>
  );
}
