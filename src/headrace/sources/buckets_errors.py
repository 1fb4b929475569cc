"""What the clients of S3, Google Cloud Storage and Azure say → sentences with stable codes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from headrace.errors import SourceError

# In this order: (what the client says, code, what happened, what to do). The clients give no codes, only words.
_KNOWN: tuple[tuple[str, str, str, str], ...] = (
    (
        r"curlCode: 6\b|resolve host|could ?n.t be resolved|Name or service not known",
        "unknown_host",
        "The host's name is unknown",
        "Check `bucket: endpoint`, `region` or `account`, and this machine's DNS.",
    ),
    (
        r"curlCode: (35|51|58|60|77|83)\b|certificate|SSL|TLS",
        "tls",
        "The encrypted connection could not be made",
        "The endpoint's certificate must be valid, for this name, and from an authority that is known here; "
        "S3 takes another one in `bucket: tls_ca`.",
    ),
    (
        r"curlCode: 7\b|[Cc]ould ?n.t connect|[Ff]ailed to connect|[Ff]ail to get a new connection|Connection refused",
        "refused",
        "Nothing answers",
        "Check `bucket: endpoint`, and that the server runs.",
    ),
    (r"curlCode: 28\b|[Tt]imed? ?out", "no_answer", "No answer came in time", "Check the network and firewalls."),
    (
        r"INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH|INVALID_CLIENT_TOKEN_ID|INVALID_SIGNATURE|MISSING_AUTH"
        r"|InvalidAccessKeyId|SignatureDoesNotMatch|(Invalid|Expired)Token|EXPIRED_TOKEN|UNAUTHENTICATED|code: 401"
        r"|AuthenticationFailed|InvalidAuthenticationInfo|AuthorizationFailure\] 403 Server failed to authenticate"
        r"|AADSTS|authentication unavailable|ClientSecretCredential|DefaultAzureCredential|AssumeRole",
        "password",
        "The store refused the credentials",
        "Check the credentials under `bucket`; temporary ones may have ended.",
    ),
    (
        r"AuthorizationHeaderMalformed|PermanentRedirect|PERMANENT_REDIRECT|HTTP status (301|307)|different region"
        r"|incorrect region",
        "options",
        "The bucket is in another region",
        "Set `bucket: region` to the bucket's own.",
    ),
    (
        r"RequestTimeTooSkewed|REQUEST_TIME_TOO_SKEWED",
        "source",
        "The store does not take requests with this machine's time",
        "Set this machine's clock.",
    ),
    (
        r"SLOW_DOWN|SlowDown|THROTTLING|Throttl|ServerBusy|RESOURCE_EXHAUSTED|SERVICE_UNAVAILABLE|REQUEST_LIMIT"
        r"|HTTP status (429|503)|code: (429|503)\b|\] (429|503) ",
        "not_ready",
        "The store is too busy",
        "Run again later.",
    ),
    (
        r"ACCESS_DENIED|AccessDenied|PERMISSION_DENIED|AuthorizationPermissionMismatch|AuthorizationFailure"
        r"|HTTP status 403|code: 403|\] 403 |PublicAccessNotPermitted",
        "grants",
        "The credentials may not read there",
        "Let them list and get: `headrace check` shows the policy under grants.",
    ),
    (
        r"NO_SUCH_BUCKET|NoSuchBucket|ContainerNotFound|bucket does not exist|Bucket .* not found",
        "file",
        "There is no such bucket",
        "Mend `path` or `tables`.",
    ),
    (
        r"NO_SUCH_KEY|NoSuchKey|RESOURCE_NOT_FOUND|BlobNotFound|NOT_FOUND|Path does not exist|No such file",
        "file",
        "The file is gone",
        "Run again; if it stays away, mend `path` or `tables`.",
    ),
    (
        r"NETWORK_CONNECTION|curlCode: |[Cc]onnection|INTERNAL_FAILURE|UNAVAILABLE|HTTP status 5\d\d|code: 5\d\d|EOF"
        r"|\] 5\d\d |Expected to be able to read",
        "connection_lost",
        "The store broke off",
        "Run again.",
    ),
)


def explain(error: Exception, title: str, place: str) -> SourceError:
    """The error of a client as one of ours. ``title`` is the store's name, ``place`` what was asked for."""
    told = " ".join(str(error).split())
    for pattern, code, happened, fix in _KNOWN:
        if re.search(pattern, told):
            return SourceError(f"{happened}: {place} ({title}). {fix}", code=code)
    return SourceError(f"{title} failed at {place}: {_short(told)}. Check the settings under `bucket`.")


@contextmanager
def explained(title: str, place: str) -> Iterator[None]:
    """Within it, errors of the client become ours."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise explain(error, title, place) from None  # its words may hold a signature


def _short(told: str) -> str:
    """The client's words without what a signed address carries."""
    return re.sub(r"\?\S+", "?…", told)[:300].rstrip(". ")
