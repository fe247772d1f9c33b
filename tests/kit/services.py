"""The real Kafka and Elasticsearch that `make services` fetches, one node each, as objects that a test holds."""

import os
import shutil
import ssl
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from tests.kit.certificates import certificates
from tests.kit.docs import ROOT
from tests.kit.processes import SERVICES, Process, free_port, java_home, listens

USER = "tocsin"
PASSWORD = "made-up-for-tests"
_KAFKA, _ELASTIC = SERVICES / "kafka", SERVICES / "elasticsearch"
_KAFKA_JAVA, _ELASTIC_JAVA = 17, 21


def missing() -> str:
    """What a test of the real servers lacks here and how to get it, in one line; empty where all is there."""
    asked = ROOT / "deploy" / "services"
    here = {"pom.xml": SERVICES, "analysis/Analysis.java": _ELASTIC / "plugins" / "tocsin-analysis"}
    if not all(_same(asked / name, folder / Path(name).name) for name, folder in here.items()):
        return "the real Kafka and Elasticsearch are not fetched: run `make services`"
    if java_home(_ELASTIC_JAVA) is None or java_home(_KAFKA_JAVA) is None:
        return f"Kafka and Elasticsearch need Java: install a JDK {_ELASTIC_JAVA} or later, or set ES_JAVA_HOME"
    return ""


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() == other.read_bytes()


def _java(at_least: int) -> str:
    home = java_home(at_least)
    if home is None:
        raise RuntimeError(missing())
    return str(home / "bin" / "java")


class KafkaServer(Process):
    """Apache Kafka in KRaft mode. `secure`: TLS, and SASL as `USER` with `PASSWORD` by SCRAM or PLAIN.

    Topics are not made by themselves, and a group rebalances at once. `java`: options of the virtual machine.
    """

    def __init__(
        self, folder: Path, *, port: int | None = None, secure: bool = False, java: str = "-Xmx512m"
    ) -> None:
        super().__init__(folder, port=port)
        self.secure = secure
        self._options = java
        self._controller = free_port()
        self._tls = certificates(folder / "tls") if secure else None

    @property
    def address(self) -> str:
        """The bootstrap server."""
        return f"127.0.0.1:{self.port}"

    @property
    def ca_file(self) -> Path | None:
        """The authority a client must trust, where `secure`."""
        return self._tls and self._tls.ca

    @property
    def client(self) -> dict[str, Any]:
        """Arguments of every kafka-python client."""
        if not self.secure:
            return {"bootstrap_servers": self.address}
        return {
            "bootstrap_servers": self.address,
            "security_protocol": "SASL_SSL",
            "ssl_cafile": str(self.ca_file),
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": USER,
            "sasl_plain_password": PASSWORD,
        }

    def prepare(self) -> None:
        self._config.write_text("\n".join(f"{key}={value}" for key, value in self._settings().items()) + "\n")
        if not (self.folder / "data" / "meta.properties").exists():
            words = ["format", "-t", "tocsin-tests-cluster00", "-c", str(self._config)]
            if self.secure:
                words += ["--add-scram", f"SCRAM-SHA-256=[name={USER},password={PASSWORD}]"]
                words += ["--add-scram", f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"]
            subprocess.run([*self._java(), "kafka.tools.StorageTool", *words], check=True, capture_output=True)

    def command(self) -> list[str]:
        return [*self._java(), "kafka.Kafka", str(self._config)]

    def answers(self) -> bool:
        # kafka-python leaks the sockets of connections that were refused, so it is asked once something listens.
        if not listens(self.port):
            return False
        from kafka import KafkaAdminClient, TopicPartition
        from kafka.errors import KafkaError

        with closing(KafkaAdminClient(**self.client)) as admin:
            # A new broker makes its topic of offsets when a group is first asked about, and refuses meanwhile.
            try:
                admin.list_group_offsets({"nobody": [TopicPartition("nothing", 0)]})
            except KafkaError:
                return False
        return True

    @property
    def _config(self) -> Path:
        return self.folder / "kraft.properties"

    def _java(self) -> list[str]:
        return [_java(_KAFKA_JAVA), *self._options.split(), "-cp", f"{_KAFKA}/*"]

    def _settings(self) -> dict[str, object]:
        protocol = "SASL_SSL" if self.secure else "PLAINTEXT"
        one_node = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller}",
            "listeners": f"CLIENT://{self.address},CONTROLLER://127.0.0.1:{self._controller}",
            "inter.broker.listener.name": "CLIENT",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": f"CLIENT:{protocol},CONTROLLER:PLAINTEXT",
            "log.dirs": self.folder / "data",
            # A killed broker may come back when its last session is over.
            "broker.session.timeout.ms": 3_000,
            "broker.heartbeat.interval.ms": 500,
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1_000,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.num.partitions": 4,
            "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "log.cleaner.dedupe.buffer.size": 16 << 20,
            **{f"{topic}.replication.factor": 1 for topic in one_node},
            **(self._security() if self.secure else {}),
        }

    def _security(self) -> dict[str, object]:
        assert self._tls is not None
        store = self.folder / "tls" / "server.pem"
        store.write_text(self._tls.key.read_text() + self._tls.certificate.read_text())
        modules = "org.apache.kafka.common.security"
        scram = f'{modules}.scram.ScramLoginModule required username="{USER}" password="{PASSWORD}";'
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": store,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self._tls.ca,
            "sasl.enabled.mechanisms": "SCRAM-SHA-256,SCRAM-SHA-512,PLAIN",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "listener.name.client.scram-sha-256.sasl.jaas.config": scram,
            "listener.name.client.scram-sha-512.sasl.jaas.config": scram,
            "listener.name.client.plain.sasl.jaas.config": (
                f'{modules}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
            ),
        }


class ElasticServer(Process):
    """Elasticsearch, the build that its own integration tests use. `secure`: TLS, and an API key that may do all.

    `languages`: with the analysers of Russian, Arabic, Czech and English, which that build lacks. Indices are not
    made by themselves. `java`: options of the virtual machine. Where this process is root, the server runs as nobody
    with root's way to files: it refuses to run as root, and the folders that pytest makes are closed to others.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        secure: bool = False,
        languages: bool = False,
        java: str = "-Xms1g -Xmx1g",
    ) -> None:
        super().__init__(folder, port=port)
        self.secure = secure
        self.api_key = ""
        self._languages = languages
        self._options = java
        self._transport = free_port()
        self._tls = certificates(folder / "config" / "tls") if secure else None

    @property
    def address(self) -> str:
        """The URL."""
        return f"http{'s' if self.secure else ''}://127.0.0.1:{self.port}"

    @property
    def ca_file(self) -> Path | None:
        """The authority a client must trust, where `secure`."""
        return self._tls and self._tls.ca

    @property
    def client(self) -> dict[str, Any]:
        """Arguments of `Elasticsearch` and `AsyncElasticsearch`."""
        if not self.secure:
            return {"hosts": [self.address]}
        return {"hosts": [self.address], "ca_certs": str(self.ca_file), "api_key": self.api_key}

    def prepare(self) -> None:
        shutil.copytree(_ELASTIC / "config", self._config, dirs_exist_ok=True)
        lines = [f"{key}: {value}" for key, value in self._settings().items()]
        (self._config / "elasticsearch.yml").write_text("\n".join(lines) + "\n")
        (self.folder / "tmp").mkdir(exist_ok=True)
        if self.secure and not (self._config / "elasticsearch.keystore").exists():
            tool = str(_ELASTIC / "bin" / "elasticsearch-keystore")
            subprocess.run(
                [*_as_nobody(), tool, "add", "--force", "--stdin", "bootstrap.password"],
                env=os.environ | self.environment(),
                input=PASSWORD.encode(),
                check=True,
                capture_output=True,
            )

    def command(self) -> list[str]:
        return [*_as_nobody(), str(_ELASTIC / "bin" / "elasticsearch")]

    def environment(self) -> dict[str, str]:
        return {
            "ES_JAVA_HOME": str(java_home(_ELASTIC_JAVA)),
            "ES_JAVA_OPTS": self._options,
            "ES_PATH_CONF": str(self._config),
            "ES_TMPDIR": str(self.folder / "tmp"),
            "CLI_JAVA_OPTS": "-Xmx64m -XX:TieredStopAtLevel=1",
        }

    def answers(self) -> bool:
        try:
            told = self._ask("GET", "/_cluster/health?wait_for_status=yellow&timeout=1s")
            if told.is_success and self.secure and not self.api_key:
                made = self._ask("POST", "/_security/api_key", {"name": "tests"})
                self.api_key = made.raise_for_status().json()["encoded"]
        except httpx.TransportError:
            return False
        return told.is_success

    @property
    def _config(self) -> Path:
        return self.folder / "config"

    def _ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Ask as the superuser, who is there before any key."""
        trust = ssl.create_default_context(cafile=str(self.ca_file)) if self.secure else True
        auth = ("elastic", PASSWORD) if self.secure else None
        return httpx.request(method, self.address + path, json=body, verify=trust, auth=auth, timeout=30)

    def _settings(self) -> dict[str, object]:
        yes, no = "true", "false"
        return {
            "cluster.name": "tocsin-tests",
            "node.name": "one",
            "discovery.type": "single-node",
            "network.host": "127.0.0.1",
            "http.port": self.port,
            "transport.port": self._transport,
            "path.data": self.folder / "data",
            "path.logs": self.folder / "logs",
            "action.auto_create_index": no,
            "cluster.routing.allocation.disk.threshold_enabled": no,
            "tocsin.languages": yes if self._languages else no,
            "xpack.ml.enabled": no,
            "xpack.security.enabled": yes if self.secure else no,
            **({} if self._tls is None else {
                "xpack.security.http.ssl.enabled": yes,
                "xpack.security.http.ssl.key": self._tls.key,
                "xpack.security.http.ssl.certificate": self._tls.certificate,
                "xpack.security.http.ssl.certificate_authorities": self._tls.ca,
            }),
        }  # fmt: skip


def _as_nobody() -> list[str]:
    if os.geteuid():
        return []
    caps = "-all,+dac_override"
    user = ("--reuid=65534", "--regid=65534", "--clear-groups")
    # Without the last, access(2) would forget the capability and Java think that files are missing.
    rights = (f"--inh-caps={caps}", f"--ambient-caps={caps}", "--securebits=+no_setuid_fixup")
    return ["setpriv", *user, *rights]
