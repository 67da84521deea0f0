"""Static files are named by their content, so that a kept one is never outdated."""

import gzip
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage

from yadopera.static_files import collect_static_files

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path.name for path in (ROOT / "static/chat/guest").glob("*.js"))
BY_CONTENT = re.compile(r"\w+\.[0-9a-f]{12}\.js")


def collected(name):
    return settings.STATIC_ROOT / staticfiles_storage.stored_name(f"chat/guest/{name}")


def imports_of(path):
    """Addresses of the modules that a module names."""
    return re.findall(r"""(?:from|import)\s*\(?\s*["'](.+?)["']""", path.read_text())


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_modules_of_its_own_release(name):
    found = collected(name)
    imported = imports_of(found)

    assert BY_CONTENT.fullmatch(found.name)
    assert len(imported) == len(imports_of(ROOT / "static/chat/guest" / name))
    for address in imported:
        assert BY_CONTENT.fullmatch(address.rpartition("/")[2]), address
        assert (found.parent / address).is_file()


def test_every_module_is_reached_from_the_page():
    reached, waiting = set(), {collected("page.js")}
    while waiting:
        found = waiting.pop()
        reached.add(found.name)
        waiting |= {found.parent / address for address in imports_of(found)} - {
            found.parent / name for name in reached
        }

    assert reached == {collected(name).name for name in MODULES}


def test_the_modules_are_kept_compressed_too():
    packed = collected("page.js").with_name(collected("page.js").name + ".gz")

    assert gzip.decompress(packed.read_bytes()) == collected("page.js").read_bytes()


def test_they_are_collected_again_only_when_one_has_changed_or_is_gone(tmp_path, settings):
    source, root = tmp_path / "source", tmp_path / "static"
    source.mkdir()
    (source / "a.css").write_text("a {}")
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATICFILES_DIRS, settings.STATIC_ROOT = [source], root
    names = root / "staticfiles.json"

    def are_collected():
        names_before = names.stat().st_mtime_ns if names.exists() else None
        collect_static_files()
        return names.stat().st_mtime_ns != names_before

    assert [are_collected(), are_collected()] == [True, False]
    (source / "a.css").write_text("b {}")
    assert [are_collected(), are_collected()] == [True, False]
    assert (root / staticfiles_storage.stored_name("a.css")).read_text() == "b {}"
    names.unlink()
    assert [are_collected(), are_collected()] == [True, False]
