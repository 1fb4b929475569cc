import { Button } from "@mantine/core";
import { IconActivity, IconFilterOff } from "@tabler/icons-react";
import { Link } from "react-router";
import { paths } from "../../../paths";
import { EmptyState } from "../../../ui/states";

/** Nothing to show: because of the filter, or because nothing has come yet. */
export function NoCalls({ filtered }: { filtered: boolean }) {
  if (filtered) {
    return (
      <EmptyState
        icon={IconFilterOff}
        title="No call passes these filters"
        action={
          <Button component={Link} to={paths.dataIn()}>
            Clear filters
          </Button>
        }
      >
        Calls that pass them appear here as they arrive. Older ones may not be kept any more.
      </EmptyState>
    );
  }
  return (
    <EmptyState
      icon={IconActivity}
      title="No calls yet"
      action={
        <Button component={Link} to={paths.syncs}>
          Go to syncs
        </Button>
      }
    >
      Run a sync: the first calls of each run are kept here, each with its row and what every destination
      answered. Calls that programs send over HTTP appear the moment they come.
    </EmptyState>
  );
}
