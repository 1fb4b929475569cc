"""Where the service listens: TLS files that cannot serve are told before anything else happens."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from headrace.errors import UsageError
from headrace.net.listen import require_certificate
from headrace.service import Service


def files(folder: Path) -> tuple[Path, Path]:
    """A certificate and its key."""
    made = trustme.CA().issue_cert("127.0.0.1")
    certificate, key = folder / "chain.pem", folder / "key.pem"
    made.cert_chain_pems[0].write_to_path(certificate)
    made.private_key_pem.write_to_path(key)
    return certificate, key


def judged(certificate: Path, key: Path) -> None:
    require_certificate(Service(tls_certificate=str(certificate), tls_key=str(key)))


def test_files_that_serve(tmp_path: Path) -> None:
    """A certificate with its key is taken, and so is a service without TLS."""
    judged(*files(tmp_path))
    require_certificate(Service())


def test_files_that_do_not(tmp_path: Path) -> None:
    """A file that is not there, one that is no PEM, and the key of another certificate are told by name."""
    (tmp_path / "other").mkdir()
    certificate, key = files(tmp_path)
    _, other = files(tmp_path / "other")
    text = tmp_path / "text.pem"
    text.write_text("no certificate")
    for wrong in (
        (tmp_path / "nope.pem", key),
        (certificate, tmp_path / "nope.pem"),
        (text, key),
        (certificate, other),
    ):
        with pytest.raises(UsageError) as refused:
            judged(*wrong)
        assert refused.value.code == "bad_certificate"
        assert str(next(path for path in wrong if path not in (certificate, key))) in refused.value.message
