import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useNavigate } from "react-router";
import { api, ask, ifMatch } from "../../api/client";
import { keys } from "../../api/keys";
import type { Connection } from "../../api/queries-connections";
import { paths } from "../../paths";
import { ConfirmDialog } from "../../ui/ConfirmDialog";
import { notify } from "../../ui/notify";

/** Deletes a source that nothing uses; of one that is in use it shows by what. */
export function DeleteSource({ source, etag }: { source: Connection; etag: string }) {
  const { name, syncs } = source;
  const [asking, setAsking] = useState(false);
  const navigate = useNavigate();
  const cache = useQueryClient();
  const used = syncs.length > 0;

  async function remove() {
    await ask(api.DELETE("/api/v1/sources/{name}", { params: { path: { name }, header: ifMatch(etag) } }));
    // First away from the page of what is no more, then everything that told of it anew.
    await navigate(paths.connections);
    cache.removeQueries({ queryKey: keys.connection("sources", name) });
    notify.ok(`${name} is deleted.`);
    for (const queryKey of [keys.connections("sources"), keys.status])
      void cache.invalidateQueries({ queryKey });
  }

  return (
    <section className="danger" aria-label="Delete">
      <div>
        <h2>Delete {name}</h2>
        <p className="muted">
          {used ? (
            <>
              It cannot be deleted while syncs read from it:{" "}
              {syncs.map((sync, at) => (
                <span key={sync}>
                  {at > 0 && ", "}
                  <Link className="link" to={paths.sync(sync)}>
                    {sync}
                  </Link>
                </span>
              ))}
              . Delete them first, or let them read from another source.
            </>
          ) : (
            "Its settings, secrets and SSH keys are deleted. What its syncs delivered, and their runs, stay."
          )}
        </p>
      </div>
      <Button color="red" variant="outline" disabled={used} onClick={() => setAsking(true)}>
        Delete
      </Button>
      <ConfirmDialog
        opened={asking}
        onClose={() => setAsking(false)}
        title={`Delete the source ${name}?`}
        action="Delete source"
        typeName={name}
        onConfirm={remove}
      >
        Its settings, secrets and SSH keys are gone then; this cannot be undone.
      </ConfirmDialog>
    </section>
  );
}
