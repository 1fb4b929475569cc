"""What an account may do in BigQuery: enough to read, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from headrace.errors import SourceError
from headrace.model import Check
from headrace.sources.bigquery_connection import RETRY, TIMEOUT
from headrace.sources.bigquery_session import BigQuerySession
from headrace.sources.sql import explained

_DATASETS = 20  # looked at; the rights on one table of each are asked for
_READS = "bigquery.tables.getData"
_WRITES = ("bigquery.tables.updateData", "bigquery.tables.update", "bigquery.tables.delete")
_CREATES = ("bigquery.datasets.create", "bigquery.tables.create", "bigquery.tables.updateData")
_IAM = "https://cloudresourcemanager.googleapis.com"


def check(settings: Mapping[str, Any], base: Path) -> Check:
    """Connect as a run does, look at what the account may do, and read a row. Raises `SourceError`."""
    with closing(BigQuerySession(settings, base)) as session, explained(session, ""):
        return _Checking(session, settings).check()


class _Checking:
    """One check, and what it finds on its way."""

    def __init__(self, session: BigQuerySession, settings: Mapping[str, Any]) -> None:
        self.session, self.settings = session, settings
        self.connection = session.connection
        self.client = session.connection.client
        self.problems: list[str] = []
        self.warnings: list[str] = []

    def check(self) -> Check:
        self.session.now()
        account, project = self.connection.account, self.connection.project
        datasets = self._datasets()
        readable = self._readable(datasets)
        self._reads_a_row()
        self._project()
        url = self.settings.get("url") or ""
        facts = {
            "server": "Google BigQuery",
            "database": project
            + (f", dataset {self.connection.dataset.dataset_id}" if self.connection.dataset else ""),
            "role": account,
            "tls": "off" if url.startswith("http:") else "on",
            "readable": readable,
            "grants": self._grants([dataset.dataset_id for dataset in datasets]),
        }
        return Check(tuple(self.problems), tuple(self.warnings), facts)

    def _datasets(self) -> list[bigquery.DatasetReference]:
        """The default dataset, or those of the project that the account sees."""
        wanted = self.connection.dataset
        if wanted is None:
            listed = self.client.list_datasets(max_results=_DATASETS, retry=RETRY, timeout=TIMEOUT)
            return [dataset.reference for dataset in listed]
        try:
            self.client.get_dataset(wanted, retry=RETRY, timeout=TIMEOUT)
        except NotFound as error:
            listed = self.client.list_datasets(max_results=_DATASETS, retry=RETRY, timeout=TIMEOUT)
            known = ", ".join(dataset.dataset_id for dataset in listed) or "none that this account sees"
            raise SourceError(
                f"The project {wanted.project!r} has no dataset {wanted.dataset_id!r}. Check `dataset`. "
                f"It has: {known}.",
                code="database",
            ) from error
        return [wanted]

    def _readable(self, datasets: list[bigquery.DatasetReference]) -> str:
        """Ask for the rights on one table of each dataset: they are given per dataset, as a rule."""
        seen = read = 0
        for dataset in datasets:
            for table in islice(self.client.list_tables(dataset, max_results=1, retry=RETRY, timeout=TIMEOUT), 1):
                seen += 1
                asked = (_READS, *_WRITES)
                answer = self.client.test_iam_permissions(table.reference, asked, retry=RETRY, timeout=TIMEOUT)
                allowed = set(answer.get("permissions", ()))
                read += _READS in allowed
                if allowed & set(_WRITES):
                    self.warnings.append(
                        f"The account {self.connection.account!r} may change tables of the dataset "
                        f"{dataset.dataset_id!r}. Take roles such as BigQuery Data Editor from it. Run: "
                        f"REVOKE `roles/bigquery.dataEditor` ON SCHEMA `{dataset.project}`.`{dataset.dataset_id}` "
                        f'FROM "{self._member}";'
                    )
        if not seen:
            self.warnings.append(
                f"The account {self.connection.account!r} sees no tables in the project "
                f"{self.connection.project!r}. Check `project` and `dataset`, or grant it roles/bigquery.dataViewer."
            )
            return "no tables"
        if not read:
            self.problems.append(
                f"The account {self.connection.account!r} may read none of the tables that it sees. "
                "Run the statements under grants."
            )
        return f"tables of {read} of {seen} datasets"

    def _reads_a_row(self) -> None:
        """Read as a run does, which shows whether the Storage Read API may be used."""
        with closing(self.session.run("SELECT 1 AS n", None).batches) as batches:
            for _ in batches:
                pass
        self.warnings += self.session.notes

    def _project(self) -> None:
        """Rights on the whole project, where Google's resource manager is turned on for it and tells."""
        address = f"{self.settings.get('url') or _IAM}/v1/projects/{self.connection.project}:testIamPermissions"
        answer = self.connection.http.post(address, json={"permissions": _CREATES}, timeout=TIMEOUT)
        allowed = answer.json().get("permissions", ()) if answer.ok else ()
        if allowed:
            self.warnings.append(
                f"The account {self.connection.account!r} may write in the whole project "
                f"{self.connection.project!r} ({', '.join(allowed)}). Run: gcloud projects remove-iam-policy-binding "
                f"{self.connection.project} --member={self._member} --role=roles/bigquery.dataEditor"
            )

    @property
    def _member(self) -> str:
        account = self.connection.account
        return f"serviceAccount:{account}" if "@" in account else f"serviceAccount:{self._new_account}"

    @property
    def _new_account(self) -> str:
        return f"headrace-reader@{self.connection.project}.iam.gserviceaccount.com"

    def _grants(self, datasets: list[str]) -> str:
        """What makes a service account that can read these datasets and nothing else; for a shell."""
        project = self.connection.project
        member = self._member
        lines = []
        if "@" not in self.connection.account:
            lines.append(f"gcloud iam service-accounts create headrace-reader --project={project}")
        lines += [
            f"gcloud projects add-iam-policy-binding {project} --member={member} --role=roles/bigquery.{role}"
            for role in ("jobUser", "readSessionUser")
        ]
        lines += [
            f"bq query --use_legacy_sql=false 'GRANT `roles/bigquery.dataViewer` "
            f'ON SCHEMA `{project}`.`{dataset}` TO "{member}"\''
            for dataset in datasets or ["DATASET"]
        ]
        return "\n".join(lines)
