"""What each store calls the right to read one bucket, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence

_GCS = (
    "gcloud storage buckets add-iam-policy-binding gs://{} --member=serviceAccount:… --role=roles/storage.objectViewer"
)
_AZURE = (
    'az role assignment create --assignee … --role "Storage Blob Data Reader" --scope '
    "/subscriptions/…/resourceGroups/…/providers/Microsoft.Storage/storageAccounts/{account}"
    "/blobServices/default/containers/{container}"
)


def grants(kind: str, buckets: Sequence[str], account: str | None) -> str:
    """The policy (S3, as JSON) or the commands that let an account list and get the objects of the buckets."""
    if kind == "gs":
        return "\n".join(map(_GCS.format, buckets))
    if kind == "az":
        return "\n".join(_AZURE.format(account=account, container=bucket) for bucket in buckets)
    arns = [f"arn:aws:s3:::{bucket}" for bucket in buckets]
    statements = [
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": arns},
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": [f"{arn}/*" for arn in arns]},
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)
