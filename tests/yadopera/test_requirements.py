"""What is installed is written down to the last file; `make lock` writes it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ["requirements", "requirements-dev", "requirements-tools"]
#: A package in an exact version, for some systems perhaps, and the hashes of its files.
LOCKED = r"([a-z0-9-]+)==(\S+)(?: ; .+)?((?: --hash=sha256:[0-9a-f]{64})+)"


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted(name):
    """Package -> version, as people wrote it."""
    lines = (ROOT / f"{name}.in").read_text().splitlines()
    pinned = [line for line in lines if line and not line.startswith(("#", "-r "))]
    found = [re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[a-z,-]+\])?==(\S+)", line) for line in pinned]
    assert all(found), pinned
    return {canonical(match[1]): match[2] for match in found}


def locked(name):
    """(package, version) of each line; a package may have another version for another Python."""
    text = (ROOT / f"{name}.txt").read_text().replace(" \\\n   ", "")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    found = [re.fullmatch(LOCKED, line) for line in lines]
    assert all(found), [line[:80] for line, match in zip(lines, found, strict=True) if not match]
    return {(match[1], match[2]) for match in found}


@pytest.mark.parametrize("name", FILES)
def test_what_is_wanted_is_locked_with_the_hashes_of_its_files(name):
    assert set(wanted(name).items()) - locked(name) == set()


def test_what_runs_is_tested():
    """In exactly the versions that are deployed."""
    assert locked("requirements") <= locked("requirements-dev")


@pytest.mark.parametrize("path", [f"{name}.{kind}" for name in FILES for kind in ("in", "txt")])
def test_no_file_says_where_packages_come_from(path):
    """That is for each machine to say."""
    assert not re.search(r"://|index-url|find-links", (ROOT / path).read_text())
