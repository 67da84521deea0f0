"""`make audit` passes only when the advisory service was asked about every package."""

import json
import sys

import pytest

from tests.audit import FOUND, NOT_ASKED, audit

CLEAN = {"name": "django", "version": "5.2.19", "vulns": []}
FLAWED = {
    "name": "celery",
    "version": "5.7.0",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-2026-1"], "fix_versions": ["5.7.1"]}],
}
UNKNOWN = {"name": "amqp", "skip_reason": "not found"}


@pytest.fixture
def auditor(tmp_path):
    """Stands in for pip-audit: it writes what it is told to, and ends with this code."""

    def auditor(*, packages=None, error="", code=0):
        report = "" if packages is None else json.dumps({"dependencies": packages})
        script = tmp_path / "auditor.py"
        script.write_text(
            "import sys\n"
            f"sys.stdout.write({report!r}); sys.stderr.write({error!r}); sys.exit({code})\n"
        )
        return [sys.executable, str(script)]

    return auditor


def test_without_a_finding_it_passes(auditor, capsys):
    assert audit(auditor(packages=[CLEAN]), ["requirements.txt"]) == 0
    assert capsys.readouterr().out == "1 packages without a known vulnerability.\n"


def test_a_finding_is_listed_and_fails(auditor, capsys):
    assert audit(auditor(packages=[CLEAN, FLAWED], code=1), ["requirements.txt"]) == FOUND
    told = capsys.readouterr().out
    assert "celery 5.7.0: PYSEC-1 CVE-2026-1, mended in 5.7.1\n" in told
    assert "django" not in told


def test_a_service_that_is_away_is_no_pass(auditor, capsys):
    error = "Traceback (most recent call last):\n  …\nConnectionError: no way\n"

    assert audit(auditor(error=error, code=1), ["requirements.txt"]) == NOT_ASKED
    said = capsys.readouterr().err
    assert said.startswith("Not audited: the advisory service cannot be reached (ConnectionError")
    assert len(said.splitlines()) == 1


def test_packages_that_could_not_be_asked_about_are_no_pass(auditor, capsys):
    """pip-audit itself ends with 0 there."""
    assert audit(auditor(packages=[CLEAN, UNKNOWN]), ["requirements.txt"]) == NOT_ASKED
    assert "1 of 2 packages, amqp among them" in capsys.readouterr().err


def test_what_was_found_is_listed_even_when_others_could_not_be_asked_about(auditor, capsys):
    assert audit(auditor(packages=[FLAWED, UNKNOWN], code=1), ["requirements.txt"]) == NOT_ASKED
    assert "celery 5.7.0: PYSEC-1" in capsys.readouterr().out
