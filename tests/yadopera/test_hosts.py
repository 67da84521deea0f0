"""Every host's file names the same release step, the processes of the Procfile, and the settings
without which the release step refuses. Whether a host takes its file is for the host to say."""

import json
import re

import pytest
import yaml
from honcho.environ import parse_procfile

from tests.live.conftest import ROOT

PROCESSES = parse_procfile((ROOT / "Procfile").read_text()).processes
RELEASE = PROCESSES["release"]
STARTED = {PROCESSES[name] for name in ("web", "worker", "beat")}
NEEDED = {"SECRET_KEY", "PUBLIC_BASE_URL", "DATABASE_URL", "REDIS_URL", "TRUSTED_PROXY_COUNT"}
HEALTH = "/api/v1/health"


def read(name):
    return yaml.safe_load((ROOT / name).read_text())


def render_environment(name):
    [project] = read("render.yaml")["projects"]
    return next(each for each in project["environments"] if each["name"] == name)


def test_the_release_step_is_one_command():
    assert RELEASE == "python manage.py release"


@pytest.mark.parametrize("name", ["staging", "production"])
def test_render(name):
    environment = render_environment(name)
    services = [each for each in environment["services"] if each["type"] != "keyvalue"]
    groups = {each["name"]: each["envVars"] for each in environment["envVarGroups"]}

    assert {each["startCommand"] for each in services} == STARTED
    for service in services:
        assert service["preDeployCommand"] == RELEASE
        assert service["buildCommand"].endswith("python manage.py build")
        own = [each for each in service["envVars"] if "key" in each]
        shared = [
            each for row in service["envVars"] for each in groups.get(row.get("fromGroup"), [])
        ]
        assert {each["key"] for each in own + shared} >= NEEDED
    [web] = (each for each in services if each["type"] == "web")
    assert web["healthCheckPath"] == HEALTH


@pytest.mark.parametrize("name", ["staging", "production"])
def test_render_refers_only_to_what_its_environment_has(name):
    environment = render_environment(name)
    names = {each["name"] for kind in environment.values() if kind != name for each in kind}

    def references(value):
        if isinstance(value, dict):
            for key, part in value.items():
                if key in {"fromDatabase", "fromService"}:
                    yield part["name"]
                elif key == "fromGroup":
                    yield part
                else:
                    yield from references(part)
        elif isinstance(value, list):
            for part in value:
                yield from references(part)

    assert set(references(environment)) <= names


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_railway(name):
    file = "railway.json" if name == "web" else f"railway.{name}.json"
    deploy = json.loads((ROOT / file).read_text())["deploy"]

    assert deploy["preDeployCommand"] == [RELEASE]
    assert deploy["startCommand"] == PROCESSES[name]
    assert deploy.get("healthcheckPath") == (HEALTH if name == "web" else None)


def test_compose_releases_before_it_starts_anything():
    services = read("compose.yaml")["services"]

    assert services["release"]["command"] == RELEASE
    for name in ("web", "worker", "beat"):
        assert services[name]["command"] == PROCESSES[name]
        waits_for = services[name]["depends_on"]["release"]
        assert waits_for == {"condition": "service_completed_successfully"}
        assert set(services[name]["environment"]) >= NEEDED


def test_the_image_runs_web_as_an_ordinary_user_and_says_how_it_is():
    dockerfile = (ROOT / "Dockerfile").read_text()
    last_stage = dockerfile.rpartition("\nFROM ")[2]

    assert json.loads(re.search(r"^CMD (.+)$", last_stage, re.MULTILINE)[1]) == (
        PROCESSES["web"].split()
    )
    assert re.search(r"^USER (?!root)\w+$", last_stage, re.MULTILINE)
    assert HEALTH in re.search(r"^HEALTHCHECK .+$", last_stage, re.MULTILINE)[0]
