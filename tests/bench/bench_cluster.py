"""The cluster on one machine, Kafka and Elasticsearch beside it: `make bench-cluster` (after `make services`).

Throughput from a file to the index and what Tocsin's own processes spend a post, without the model (a constant judge)
and with it, against `classify` alone; then the delay from post to alert at half of that load.
`python -m tests.bench.bench_cluster [--posts N ...] [--only throughput|model|latency]`
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import httpx
import psutil

from tests.bench.bench_latency import delays, load, shared
from tests.kit.cluster import Worker, configuration, workers
from tests.kit.corpus import brand_name, posts
from tests.kit.desk import open_desk
from tests.kit.services import ElasticServer, KafkaServer

BRANDS = 20
PROCESSES = ("process", "alert", "index")
READY = re.compile(r"probes and metrics at (\S+)")
PATIENCE = 3_600
MODEL_POSTS = 30_000
"""So many that filling and emptying the line, two seconds, is little of it."""


@dataclass
class Servers:
    """Where the two servers are."""

    kafka: KafkaServer
    elastic: ElasticServer


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """Start both, empty, and stop them at the end."""
    kafka, elastic = KafkaServer(folder / "kafka"), ElasticServer(folder / "elastic")
    with ExitStack() as stack:
        for server in (kafka, elastic):
            server.start()
            stack.callback(server.kill)
        for server in (kafka, elastic):
            server.ready()
        yield Servers(kafka, elastic)


def address(worker: Worker) -> str:
    """Where a process answers probes, once it says so."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = READY.search(worker.said(100_000))
        if found:
            return found[1]
        if worker.running.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit(f"{worker.verb} does not start: {worker.said()}")


def await_ready(worker: Worker) -> None:
    """Wait until it does its work."""
    url = f"{address(worker)}/readyz"
    for _ in range(600):
        try:
            if httpx.get(url, timeout=2).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"{worker.verb} is not ready: {worker.said()}")


def write_posts(path: Path, count: int, *, matching: float = 1.0) -> None:
    """Write made-up posts, every text another."""
    with path.open("w", encoding="utf-8") as file:
        for number, post in enumerate(posts(count, brands=BRANDS, matching=matching)):
            file.write(json.dumps(post | {"text": f"{post['text']} {number}"}, ensure_ascii=False) + "\n")


def write_questions(path: Path, count: int) -> None:
    """Write the same posts with the brand that each names: what the model is asked about them in the line."""
    with path.open("w", encoding="utf-8") as file:
        for number, post in enumerate(posts(count, brands=BRANDS)):
            text = f"{post['text']} {number}"
            brand = next(name for name in map(brand_name, range(BRANDS)) if name in text)
            file.write(json.dumps({"text": text, "brand": brand}, ensure_ascii=False) + "\n")


def settings(
    folder: Path, at: Servers, run: str, *, sources: str, receiver: str = "", brands: int = BRANDS, name: str = "all"
) -> Path:
    """Write tocsin.toml of one run, with topics and indices of its own."""
    extra = sources + "".join(
        f"[[brand]]\nname = {json.dumps(brand_name(n))}\nquery = {json.dumps(brand_name(n))}\n" for n in range(brands)
    )
    if not receiver:
        extra += '[[receiver]]\nkind = "console"\nname = "terminal"\n'
    path = folder / f"{run}-{name}.toml"
    path.write_text(
        configuration(
            kafka=at.kafka.address, elastic=at.elastic.address, topics=f"{run}.", indices=f"{run}-",
            partitions=4, receiver=receiver, extra=extra,
        )
    )  # fmt: skip
    return path


def indexed(at: Servers, run: str) -> int:
    """How many mentions the index holds."""
    url = f"{at.elastic.address}/{run}-mentions"
    httpx.post(f"{url}/_refresh", timeout=60)
    answer = httpx.get(f"{url}/_count", timeout=60)
    return int(answer.json()["count"]) if answer.status_code == httpx.codes.OK else 0


def create_topics(config: Path, folder: Path) -> None:
    """Run `tocsin topics create`."""
    Worker("topics", config, folder / "topics.log", ("create",), model=True).start().finish(60)


def cpu(processes: Sequence[psutil.Process]) -> float:
    """Seconds of processor time so far."""
    return sum(float(used.user + used.system) for used in (process.cpu_times() for process in processes))


def throughput(folder: Path, at: Servers, count: int, *, judging_on: Sequence[int] = ()) -> dict[str, float]:
    """From a file to the index, once; start-up is not counted: of `ingest` it is taken from a run over one post.

    The model judges when `judging_on` names the cores that `process` may use, with a thread for each.
    """
    model = bool(judging_on)
    run = f"run{count}{f'm{len(judging_on)}' if model else ''}"
    # Of its own, for a process says in its log where it can be asked.
    folder /= run
    folder.mkdir()
    judge = f"[model]\nthreads = {len(judging_on)}\n" if model else ""
    config = settings(folder, at, run, sources=_file(folder / "posts.jsonl") + judge)
    first = settings(folder, at, run, sources=_file(folder / "first.jsonl"), name="first")
    create_topics(config, folder)
    write_posts(folder / "first.jsonl", 1)
    write_posts(folder / "posts.jsonl", count)
    with workers(folder, config, PROCESSES, model=model) as running, ExitStack() as cores:
        for worker in running.values():
            await_ready(worker)
        if judging_on:
            cores.enter_context(_shared_out(running, at, judging_on))
        starting, _ = _ingest(folder, first)
        _await_indexed(at, run, 1)
        watched = {verb: [psutil.Process(worker.running.pid)] for verb, worker in running.items()}
        watched |= {"kafka": family(at.kafka), "elastic": family(at.elastic)}
        before = {name: cpu(processes) for name, processes in watched.items()}
        started = time.perf_counter()
        ingest_cpu, start = _ingest(folder, config)
        _await_indexed(at, run, count)
        elapsed = time.perf_counter() - started - start
        spent = {name: cpu(processes) - before[name] for name, processes in watched.items()}
        resident = {verb: watched[verb][0].memory_info().rss / 1e6 for verb in PROCESSES}
    spent["ingest"] = ingest_cpu - starting
    own = sum(spent[verb] for verb in ("ingest", *PROCESSES))
    return {
        "posts": count,
        "posts_per_second": round(count / elapsed, 1),
        "own_cpu_ms_a_post": round(1000 * own / count, 3),
        **{f"{name}_cpu_ms": round(1000 * seconds / count, 3) for name, seconds in sorted(spent.items())},
        **{f"{verb}_mb": round(size, 1) for verb, size in sorted(resident.items())},
    }


@contextmanager
def _shared_out(running: Mapping[str, Worker], at: Servers, judging_on: Sequence[int]) -> Iterator[None]:
    """Give these cores to `process`, and all others, if there are others, to everything else and what it starts."""
    itself = psutil.Process()
    every = itself.cpu_affinity()
    others = [core for core in every if core not in judging_on] or every
    judging = psutil.Process(running["process"].running.pid)
    rest = [psutil.Process(worker.running.pid) for verb, worker in running.items() if verb != "process"]
    rest += [*family(at.kafka), *family(at.elastic)]
    _keep_on(judging_on, judging)
    _keep_on(others, itself, *rest)
    try:
        yield
    finally:
        _keep_on(every, itself, *rest)


def _keep_on(cores: Sequence[int], *processes: psutil.Process) -> None:
    for thread in (thread for process in processes for thread in process.threads()):
        with suppress(psutil.NoSuchProcess):
            psutil.Process(thread.id).cpu_affinity(list(cores))


def family(server: KafkaServer | ElasticServer) -> list[psutil.Process]:
    """The server's process and those it started."""
    first = psutil.Process(server.pid)
    return [first, *first.children(recursive=True)]


def _file(path: Path) -> str:
    return f'[[source]]\nkind = "file"\nname = {json.dumps(path.stem)}\npath = {json.dumps(str(path))}\n'


def _ingest(folder: Path, config: Path) -> tuple[float, float]:
    """Run `ingest` to the end of the file; its processor seconds, and how long it took to start."""
    started = time.perf_counter()
    (folder / "ingest.log").unlink(missing_ok=True)
    worker = Worker("ingest", config, folder / "ingest.log", ("--until-idle",), model=True).start()
    watched, used = psutil.Process(worker.running.pid), 0.0
    address(worker)
    start = time.perf_counter() - started
    while worker.running.poll() is None:
        try:
            used = cpu([watched])
        except psutil.NoSuchProcess:
            break
        time.sleep(0.01)
    worker.finish(1)
    return used, start


def _await_indexed(at: Servers, run: str, count: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while (found := indexed(at, run)) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"only {found} of {count} posts were indexed")
        time.sleep(0.2 if count - found < 2000 else 1)


def judged_alone(folder: Path, count: int, cores: Sequence[int]) -> float:
    """Texts a second of `tocsin classify` on the same posts, with these cores; its start is not counted."""
    seconds = []
    for size in (1, count):
        write_questions(folder / "texts.jsonl", size)
        started = time.perf_counter()
        command = [sys.executable, "-m", "tocsin.cli.main", "classify", "--threads", str(len(cores))]
        with (folder / "texts.jsonl").open("rb") as texts:
            running = subprocess.Popen(command, stdin=texts, stdout=subprocess.DEVNULL)
            psutil.Process(running.pid).cpu_affinity(list(cores))
            if running.wait():
                raise SystemExit("classify failed")
        seconds.append(time.perf_counter() - started)
    return (count - 1) / (seconds[1] - seconds[0])


def with_model(folder: Path, at: Servers, cores: Sequence[int], *, rounds: int) -> dict[str, object]:
    """The whole line with the model on these cores, against `classify` alone on the same just before and just after.

    Of the round whose share is the middle one: the machine's own speed drifts by a tenth from minute to minute.
    """
    found = []
    before = judged_alone(folder, MODEL_POSTS // 4, cores)
    for number in range(rounds):
        figures = throughput(folder, at, MODEL_POSTS + number, judging_on=cores)
        after = judged_alone(folder, MODEL_POSTS // 4, cores)
        alone, before = (before + after) / 2, after
        found.append(figures | {"classify_alone": round(alone, 1), "of_that": figures["posts_per_second"] / alone})
    found.sort(key=itemgetter("of_that"))
    shares = [round(figures["of_that"], 3) for figures in found]
    return found[len(found) // 2] | {
        "judging_cores": len(cores),
        "of_that": shares[len(found) // 2],
        "shares": shares,
    }


def latency(folder: Path, at: Servers, *, warm: int, seconds: int, rate: int, alarms: int) -> dict[str, float]:
    """Signed posts in over HTTP at that rate; from handing in to hearing of the alert.

    The two servers have just been started: what is sent in the first `warm` seconds, while their code is compiled,
    is told apart.
    """
    sent: dict[str, float] = {}
    # Brands of the alarms, among them those that all the posts are about.
    brands = max((warm + seconds) * alarms, BRANDS)
    with open_desk() as desk:
        config = folder / "latency.toml"
        config.write_text(
            configuration(
                kafka=at.kafka.address, elastic=at.elastic.address, topics="latency.", indices="latency-",
                partitions=4, extra=shared(brands=brands, desk=desk.url),
            )
        )  # fmt: skip
        create_topics(config, folder)
        with workers(folder, config, ("ingest", *PROCESSES)) as running:
            for worker in running.values():
                await_ready(worker)
            url = f"{address(running['ingest'])}/webhooks/push"
            begun = time.monotonic()
            taken = asyncio.run(
                load(url, seconds=warm + seconds, rate=rate, sent=sent, talked_of=BRANDS, alarms=alarms)
            )
            time.sleep(15)
        warming = {brand: moment for brand, moment in sent.items() if moment - begun < warm}
        counted = {brand: moment for brand, moment in sent.items() if brand not in warming}
        cold, heard = delays(desk, warming), delays(desk, counted)
    return {
        "posts": taken,
        "rate": rate,
        "alarms_a_second": alarms,
        "alerts_expected": len(counted),
        "alerts_heard": len(heard),
        "p50_seconds": round(heard[len(heard) // 2], 3),
        "p99_seconds": round(heard[min(len(heard) - 1, int(len(heard) * 0.99))], 3),
        "max_seconds": round(heard[-1], 3),
        "while_starting_alerts_heard": len(cold),
        "while_starting_max_seconds": round(cold[-1], 3) if cold else 0.0,
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, nargs="*", default=[10_000, 50_000])
    parser.add_argument("--only", choices=("throughput", "model", "latency"))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--warm", type=int, default=30, help="seconds of the same load before it counts")
    parser.add_argument("--rate", type=int, default=600)
    parser.add_argument("--alarms", type=int, default=1, help="alerts a second")
    arguments = parser.parse_args()
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    with tempfile.TemporaryDirectory() as name, servers(Path(name)) as at:
        folder = Path(name)
        if arguments.only in {None, "throughput"}:
            for count in arguments.posts:
                print(json.dumps(throughput(folder, at, count)), flush=True)
        if arguments.only in {None, "model"}:
            every = psutil.Process().cpu_affinity()
            for cores, rounds in ((every[:1], 3), (every, 1)):
                print(json.dumps(with_model(folder, at, cores, rounds=rounds)), flush=True)
        if arguments.only in {None, "latency"}:
            figures = latency(
                folder, at, warm=arguments.warm, seconds=arguments.seconds, rate=arguments.rate,
                alarms=arguments.alarms,
            )  # fmt: skip
            print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
