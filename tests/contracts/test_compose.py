"""docker-compose.yml, as far as it can be proven without Docker: its form, its settings, its secrets.

The keys are the small part of the compose specification that the file uses; a new one is added here on purpose.
"""

import base64
import re
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from changhu_common.service import Service, open_resources
from changhu_common.settings import ServiceSettings
from changhu_standalone.cli import deploying
from changhu_standalone.deployment import SERVICES

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
TEXT = COMPOSE_FILE.read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)
CONTAINERS: dict[str, Any] = COMPOSE["services"]
EXAMPLE = (ROOT / "deploy/images/.env.example").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "deploy/images/Dockerfile").read_text(encoding="utf-8")

TOP_KEYS = {"name", "services", "volumes"}
CONTAINER_KEYS = {
    "image", "build", "command", "restart", "stop_grace_period", "depends_on", "healthcheck", "environment", "ports",
    "volumes",
}  # fmt: skip
HEALTH_KEYS = {"test", "interval", "timeout", "retries", "start_period"}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
RESTARTS = {"no", "always", "on-failure", "unless-stopped"}
DURATION = re.compile(r"([0-9]+(ms|s|m|h))+")

VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?P<rule>:[-?])?(?P<word>[^}]*)\}")
SECRET = re.compile(r"PASSWORD|KEYS$|SECRET|TOKEN")

each_service = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
each_container = pytest.mark.parametrize("name", CONTAINERS)


def sample(name: str) -> str:
    """A value of the right form for a variable of .env."""
    forms = {
        "FIELD_KEYS": f'{{"1":"aes-256-gcm:{base64.b64encode(bytes(32)).decode()}"}}',
        "INDEX_KEYS": f'{{"1":"hmac-sm3:{base64.b64encode(bytes(32)).decode()}"}}',
        "FIELD_KEY_CURRENT": "1",
        "INDEX_KEY_CURRENT": "1",
        "OIDC_JWKS": "https://issuer.example/jwks",
    }
    return forms.get(name.removeprefix("CHANGHU_"), f"sample-{name.lower()}")


def environment(name: str) -> dict[str, str]:
    """What a container finds in its environment once .env is filled in."""
    written: Mapping[str, Any] = CONTAINERS[name].get("environment", {})
    return {key: VARIABLE.sub(lambda found: sample(found["name"]), value) for key, value in written.items()}


@each_container
def test_a_container_is_written_in_the_words_of_the_specification(name: str) -> None:
    container = CONTAINERS[name]
    assert set(container) <= CONTAINER_KEYS
    assert container["restart"] in RESTARTS
    assert set(container.get("build", {})) <= {"context", "dockerfile"}
    assert all(isinstance(value, str) for value in container["environment"].values())
    for needed, how in container.get("depends_on", {}).items():
        assert needed in CONTAINERS
        assert set(how) == {"condition"}
        assert how["condition"] in CONDITIONS
        assert how["condition"] != "service_healthy" or "healthcheck" in CONTAINERS[needed]
    health = container.get("healthcheck", {})
    assert set(health) <= HEALTH_KEYS
    assert all(DURATION.fullmatch(health[key]) for key in HEALTH_KEYS - {"test", "retries"} if key in health)
    assert not health or health["test"][0] == "CMD"


def test_the_file_has_only_known_parts_and_uses_every_volume_that_it_makes() -> None:
    assert {key for key in COMPOSE if not key.startswith("x-")} == TOP_KEYS
    used = {mount.partition(":")[0] for container in CONTAINERS.values() for mount in container.get("volumes", ())}
    assert used == set(COMPOSE["volumes"])


@pytest.mark.skipif(not shutil.which("docker"), reason="no docker command")
def test_docker_compose_itself_reads_the_file(tmp_path: Path) -> None:
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker has no compose plugin")
    filled = tmp_path / ".env"
    filled.write_text("".join(f"{name}='{sample(name)}'\n" for name in in_example()), encoding="utf-8")
    command = ["docker", "compose", "--file", str(COMPOSE_FILE), "--env-file", str(filled), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def in_example() -> list[str]:
    return re.findall(r"^([A-Z_]+)=", EXAMPLE, flags=re.MULTILINE)


def test_every_variable_stands_empty_in_the_example_and_every_one_there_is_used() -> None:
    assert sorted(in_example()) == sorted({found["name"] for found in VARIABLE.finditer(TEXT)})
    assert not re.findall(r"^[A-Z_]+=.+$", EXAMPLE, flags=re.MULTILINE)
    assert "$" not in VARIABLE.sub("", TEXT)


def test_no_secret_is_written_down_and_none_has_a_default() -> None:
    for found in VARIABLE.finditer(TEXT):
        assert found["rule"] == ":?" or not SECRET.search(found["name"]), found[0]
    for container in CONTAINERS.values():
        for name, value in container["environment"].items():
            if SECRET.search(name):
                assert VARIABLE.fullmatch(value), name
            if "://" in value and "@" in value:
                assert re.search(r"://[a-z_]+:\$\{[A-Z_]+:\?[^}]*\}@", value), name
    assert not re.search(r"(ENV|ARG)\s.*(PASSWORD|SECRET|KEY|TOKEN)", DOCKERFILE)


@each_container
def test_ports_are_open_to_this_machine_only(name: str) -> None:
    assert all(re.fullmatch(r"127\.0\.0\.1:[0-9]+:[0-9]+", port) for port in CONTAINERS[name].get("ports", ()))


def test_no_two_containers_have_the_same_port() -> None:
    ports = [port.split(":")[1] for container in CONTAINERS.values() for port in container.get("ports", ())]
    assert len(set(ports)) == len(ports) == len(SERVICES)


@each_service
def test_a_service_waits_for_its_tables_and_says_when_it_is_ready(service: Service) -> None:
    container = CONTAINERS[service.name]
    assert container["command"] == ["python", "-m", service.database]
    assert container["depends_on"] == {
        "migrate": {"condition": "service_completed_successfully"},
        "kafka": {"condition": "service_healthy"},
    }
    assert "/health/ready" in " ".join(container["healthcheck"]["test"])
    assert CONTAINERS["migrate"]["depends_on"] == {"provision": {"condition": "service_completed_successfully"}}
    assert CONTAINERS["provision"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


@each_service
async def test_a_service_comes_up_with_what_its_container_is_given(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = environment(service.name)
    known = {f"CHANGHU_{field.upper()}" for field in ServiceSettings.model_fields}
    assert set(given) <= known
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = ServiceSettings()  # type: ignore[call-arg]  # from the environment
    resources = open_resources(settings, service)
    service.build(resources)  # asks for the keys that the service needs; nothing connects
    await resources.close()
    assert (settings.environment, settings.bus, settings.host) == ("production", "kafka", "0.0.0.0")
    password = sample(deploying.runtime_password(service))
    address = f"postgresql+psycopg://{service.database}:{password}@postgres:5432/{service.database}"
    assert settings.database_url.get_secret_value() == address


def test_provisioning_and_migrating_are_given_what_they_ask_for_and_nothing_else() -> None:
    variables = [
        variable(service) for service in SERVICES for variable in (deploying.owner_password, deploying.runtime_password)
    ]
    assert set(environment("provision")) == {deploying.SUPERUSER_URL, *variables}
    migrate = environment("migrate")
    assert set(migrate) == {deploying.migration_url(service) for service in SERVICES}
    for service in SERVICES:
        owner = f"{service.database}_owner:{sample(deploying.owner_password(service))}"
        assert migrate[deploying.migration_url(service)] == (
            f"postgresql+psycopg://{owner}@postgres:5432/{service.database}"
        )


def test_all_our_containers_are_one_image_of_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    ours = [container for container in CONTAINERS.values() if "build" in container]
    assert len(ours) == len(SERVICES) + 2
    assert {container["image"] for container in ours} == {f"changhu:{version}"}
    assert {container["build"]["dockerfile"] for container in ours} == {"deploy/images/Dockerfile"}


def test_the_image_holds_every_member_of_the_workspace_and_runs_as_nobody_special() -> None:
    workspace = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"]["workspace"]
    members = {
        str(path.parent.relative_to(ROOT))
        for one in workspace["members"]
        for path in ROOT.glob(f"{one}/pyproject.toml")
    }
    assert set(re.findall(r"--editable (\S+)", DOCKERFILE)) == members
    assert re.findall(r"^USER (\S+)", DOCKERFILE, flags=re.MULTILINE) == ["changhu"]
