"""The container files are well formed, keep to this machine, and name files that exist."""

from typing import Any

import yaml

from tests.kit.docs import ROOT


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return loaded


def test_every_port_is_bound_to_this_machine() -> None:
    ports = [port for service in compose()["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_files_that_are_mounted_are_in_the_repository() -> None:
    mounted = [
        volume.partition(":")[0]
        for service in compose()["services"].values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]
    assert {"./tocsin.toml"} == {path for path in mounted if not (ROOT / path).exists()} | {"./tocsin.toml"}


def test_no_secret_is_written_into_the_compose_file() -> None:
    settings = compose()["services"]["tocsin"]["environment"]
    assert settings["TOCSIN_CONSOLE__TOKEN_FILE"] == "/run/secrets/console_token"
    assert not [key for key in settings if key.endswith("TOKEN")]


def test_the_image_runs_as_a_user_without_rights() -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    assert "\nUSER tocsin\n" in text
    assert 'ENTRYPOINT ["tocsin"]' in text


def test_prometheus_reads_the_token_from_its_file() -> None:
    scrape = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))[
        "scrape_configs"
    ][0]
    assert scrape["authorization"]["credentials_file"] == "/run/secrets/console_token"
