import { Button } from "@mantine/core";
import { IconUserEdit } from "@tabler/icons-react";
import type { Connection, Definition } from "../../../api/queries-connections";
import { fieldLabel } from "../../../ui/form/model";
import { Time } from "../../../ui/numbers";
import { differing } from "./checkErrors";

interface ConflictProps {
  /** What is saved now. */
  theirs: Connection;
  mine: Definition;
  takeTheirs: () => void;
  keepMine: () => void;
}

/** Somebody else saved meanwhile: who, where the two differ, and the choice. */
export function Conflict({ theirs, mine, takeTheirs, keepMine }: ConflictProps) {
  const differ = differing(mine, theirs.definition);
  return (
    <div className="note warn" role="alert">
      <IconUserEdit size={16} stroke={1.7} aria-hidden />
      <div>
        <p>
          {theirs.updated_by || "Somebody"} saved other settings while you edited
          {theirs.updated_at && (
            <>
              , <Time at={theirs.updated_at} relative />
            </>
          )}
          . {differ.length > 0 && `Yours differ in: ${differ.map(fieldLabel).join(", ")}.`}
        </p>
        <div className="row-h wrap conflict-choice">
          <Button onClick={takeTheirs}>Take theirs, drop mine</Button>
          <Button onClick={keepMine}>Save mine over theirs</Button>
        </div>
      </div>
    </div>
  );
}
