"""The workspace: people, objects, relationships and events in one SQLite file, as an engagement tool keeps them.

What calls do:

- **identify** creates or updates a person: found by userId, else by ``traits.email`` (letter case makes no
  difference), else by anonymousId. Attributes are merged at the top level: a given name replaces, null or ``""``
  removes. Only ``cio_subscription_preferences`` is merged in depth, topic by topic and channel by channel.
  A truthy ``_update`` never creates; without a match it leaves an activity ``update_only_no_match``.
- Giving userId and anonymousId (or an e-mail address that so far stood for nobody) in one identify joins the two:
  events, relationships and attributes of the anonymous person move; the named one wins. Where several people have one
  e-mail address, a call by e-mail address alone means the oldest.
- **track, page, screen** are recorded as events of a person, created if unknown. A track call with nothing but a
  groupId is recorded without a person.
- **group** creates or updates an object and, when it names a person, their relationship with its
  ``relationshipAttributes``. The object's type is "1" unless given.
- **alias** merges ``previousId`` (a userId, or an unclaimed anonymousId) into ``userId``, who wins; the old id is
  free again.
- Semantic track events (`semantic`) delete and suppress people, keep devices, delete relationships and objects.
  Deleting a person deletes all that belongs to them. Calls for suppressed people are ignored and noted.

A call with a timestamp never changes an attribute that was set or removed at a later time; one without is applied as
it comes. A messageId is remembered for ever: a call that was applied before changes nothing. Attributes hold numbers
as JSON tools do (64-bit integers, doubles); properties and context of events are kept to the letter.
"""

from __future__ import annotations

from headrace.connector import Field, Spec
from headrace.destinations.workspace.destination import WorkspaceDestination, workspace_path
from headrace.destinations.workspace.reader import WorkspaceReader

__all__ = ["SPEC", "WorkspaceDestination", "WorkspaceReader", "workspace_path"]

SPEC = Spec(
    type="workspace",
    title="Workspace",
    summary="People, objects and events in a database file: to try syncs, and to see what arrives.",
    fields=(
        Field(
            "path",
            "path",
            "The SQLite file; made when the first call arrives. Default: workspace.sqlite in the state folder.",
            example="workspace.sqlite",
        ),
    ),
    destination=lambda settings, tools: WorkspaceDestination(workspace_path(settings, tools), tools.clock),
)
