"""`python -m localstack run`: starts the whole platform, keeps it running, and stops it without a trace."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from infra import lambda_build
from localstack import certificates, checks, deployment, environments, identity_providers, seeding
from localstack.local_settings import REGION, ROOT, LocalSettings, SetupFailure
from localstack.processes import Child, run_to_end

START_TIMEOUT_S = 60


class Progress:
    """One line when a step begins that takes a while, one when it is done."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """Print a line with the time since the start."""
        print(f"[{time.monotonic() - self._started:6.1f} s] {text}", flush=True)

    @contextlib.asynccontextmanager
    async def step(self, text: str) -> AsyncIterator[None]:
        """A step; its lines come only if it takes more than a moment."""
        started = time.monotonic()
        announce = asyncio.create_task(self._announce(text))
        try:
            yield
        finally:
            announce.cancel()
        if announce.done() and not announce.cancelled():
            self.say(f"{text}: done in {time.monotonic() - started:.1f} s")

    async def _announce(self, text: str) -> None:
        await asyncio.sleep(0.5)
        self.say(f"{text} ...")


class Platform:
    """The children of one platform, and the order in which they start."""

    def __init__(self, settings: LocalSettings) -> None:
        self.settings = settings
        self.progress = Progress()
        self.children: list[Child] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._environment: dict[str, str] = {}
        self._index_is_complete = False

    @property
    def _running_marker(self) -> Path:
        return self.settings.state_dir / "running"

    async def start(self) -> None:
        """Start everything, in the order in which things need each other.

        Raises
        ------
        SetupFailure
            If anything cannot be had or started.
        """
        settings, step = self.settings, self.progress.step
        stopped_cleanly = not self._running_marker.exists()
        self._running_marker.touch()
        async with step("Installing the emulator"):
            await environments.install_emulator(settings)
        viewer = asyncio.create_task(self._build_viewer())
        try:
            if not settings.aws_endpoint:
                async with step("Starting the emulator"):
                    await self._start_emulator()
            async with step("Deploying the archive stack"):
                await deployment.deploy(settings)
            async with step("Registering hospitals, application entities and users"):
                self._environment = await asyncio.to_thread(deployment.platform_environment, settings)
                for name in ("SANSFILM_INGEST_HTTP_PORT", *identity_providers.PORT_VARIABLES.values()):
                    self._environment[name] = str(_free_port())
                public_key = await asyncio.to_thread(deployment.ensure_signing_key, settings, self._environment)
                await asyncio.to_thread(deployment.ensure_edge_secret, settings, self._environment)
                self._environment["SANSFILM_OBJECT_SIGNING_PUBLIC_KEY_FILE"] = str(public_key)
                self._environment |= await asyncio.to_thread(certificates.ensure_certificates, settings)
                deployment.write_private(settings.settings_file, json.dumps(self._environment, indent=1))
                await self._command("seed", failure="The demonstration region could not be registered")
                await asyncio.to_thread(deployment.flush, settings)
            await viewer
            await environments.install_npm(settings, identity_providers.FOLDER)
        except BaseException:
            viewer.cancel()
            with contextlib.suppress(asyncio.CancelledError, SetupFailure):
                await viewer
            raise
        if not stopped_cleanly:
            await self._index_what_is_missing()
        self._index_is_complete = True
        async with step("Starting the ingest service and the edge"):
            await asyncio.gather(self._start_ingest(), self._start_edge(), self._start_identity_providers())
        if settings.demo:
            await self._load_demonstration()

    async def _build_viewer(self) -> None:
        async with self.progress.step("Building the portal and the viewer"):
            await environments.build_viewer(self.settings)

    async def _start_emulator(self) -> None:
        folder = self.settings.state_dir / "emulator"
        environment = {
            # A clean environment: it leaks into the Lambdas.
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "TMPDIR": str(folder / "tmp"),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION,
            "GATEWAY_PORT": str(self.settings.aws_port),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(folder / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(folder / "s3"),
            "LOG_LEVEL": os.environ.get("SANSFILM_EMULATOR_LOG_LEVEL", "INFO"),
        }

        def clear_temporary_files() -> None:
            shutil.rmtree(folder / "tmp", ignore_errors=True)
            (folder / "tmp").mkdir(parents=True)

        await self._keep(
            Child(
                "emulator",
                [str(environments.EMULATOR_PYTHON), "-P", str(ROOT / "localstack/emulator.py")],
                environment,
                self.settings.logs_dir / "emulator.log",
                folder,
                before_start=clear_temporary_files,
                after_restart=self._recover_emulator,
            ),
            f"{self.settings.aws_endpoint_url}/_localstack/health",
        )

    async def _recover_emulator(self) -> None:
        await self._wait_for("emulator", f"{self.settings.aws_endpoint_url}/_localstack/health")
        await self._index_what_is_missing()

    async def _index_what_is_missing(self) -> None:
        """Messages about instances may be lost when the emulator is killed, the instances are not."""
        async with self.progress.step("Indexing what an unclean stop left unindexed"):
            await self._command("reindex", "--missing-only", failure="Instances could not be indexed")

    async def _start_ingest(self) -> None:
        command = [sys.executable, "-m", "scp_fargate"]
        health = f"http://127.0.0.1:{self._environment['SANSFILM_INGEST_HTTP_PORT']}/healthz"
        await self._keep(self._service("ingest service", command, "ingest.log"), health)

    async def _start_edge(self) -> None:
        command = [sys.executable, "-m", "localstack.edge"]
        await self._keep(self._service("edge", command, "edge.log"), f"{self.settings.public_url}/healthz")

    async def _start_identity_providers(self) -> None:
        configuration = seeding.identity_provider_configuration(self.settings, self._environment)
        port = self._environment[identity_providers.PORT_VARIABLES[identity_providers.PSC]]
        health = f"http://127.0.0.1:{port}/.well-known/openid-configuration"
        service = self._service("identity providers", identity_providers.command(configuration), "oidc.log")
        await self._keep(service, health)

    def _service(self, name: str, command: list[str], log: str) -> Child:
        environment = self.settings.base_environment() | self._environment | {"PYTHONUNBUFFERED": "1"}
        return Child(name, command, environment, self.settings.logs_dir / log, ROOT)

    async def _keep(self, child: Child, health_url: str) -> None:
        await child.start()
        self.children.append(child)
        child.on_start = self._note_children
        self._note_children()
        await self._wait_for(child.name, health_url, child)
        self._keepers.append(asyncio.create_task(child.keep_running()))

    def _note_children(self) -> None:
        """Operators (and tests of crashes) find the processes here."""
        pids = {child.name: child.pid for child in self.children}
        (self.settings.state_dir / "children.json").write_text(json.dumps(pids))

    async def _wait_for(self, name: str, url: str, child: Child | None = None) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        answer = ""
        while time.monotonic() < deadline:
            if child is not None and not child.pid:
                raise SetupFailure(f"The {name} ended while starting:\n{child.last_lines()}")
            try:
                await asyncio.to_thread(_fetch, url)
                return
            except (URLError, OSError) as error:
                answer = str(error)
            await asyncio.sleep(0.1)
        raise SetupFailure(f"The {name} did not answer within {START_TIMEOUT_S} s ({answer}).")

    async def _command(self, *arguments: str, failure: str) -> None:
        command = [sys.executable, "-m", "localstack", *arguments]
        environment = self.settings.base_environment() | self._environment
        await run_to_end(command, environment, self.settings.logs_dir / f"{arguments[0]}.log", ROOT, failure)

    async def _load_demonstration(self) -> None:
        done = self.settings.state_dir / "demonstration-loaded"
        if done.exists():
            return
        async with self.progress.step("Sending the demonstration region's exams"):
            command = [sys.executable, "-m", "localstack.demo", "--port", str(self.settings.dicom_port)]
            command += ["--state-dir", str(self.settings.state_dir)]
            environment = self.settings.base_environment() | self._environment
            log = self.settings.logs_dir / "demonstration.log"
            await asyncio.gather(
                run_to_end(command, environment, log, ROOT, "The demonstration exams could not be sent"),
                self._issue_invoices(),
            )
        done.touch()

    async def _issue_invoices(self) -> None:
        """Last month's; the platform serves its purpose without them too, and an operator can issue them later."""
        try:
            await self._command("issue-invoices", failure="Last month's invoices were not issued")
        except SetupFailure as failure:
            self.progress.say(str(failure))

    async def wait(self) -> None:
        """Until a child cannot be kept running.

        Raises
        ------
        SetupFailure
            Then.
        """
        done, _ = await asyncio.wait(self._keepers, return_when=asyncio.FIRST_COMPLETED)
        for keeper in done:
            keeper.result()

    async def stop(self) -> None:
        """Stop every child, those that depend on others first."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        emulators = [child for child in self.children if child.name == "emulator"]
        await asyncio.gather(*(child.stop() for child in self.children if child not in emulators))
        for child in emulators:
            await child.stop()
        shutil.rmtree(self.settings.state_dir / "emulator/tmp", ignore_errors=True)
        if self._index_is_complete:
            self._running_marker.unlink(missing_ok=True)


def _fetch(url: str) -> None:
    with urlopen(url, timeout=5):  # noqa: S310 - a setting
        pass


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def print_welcome(settings: LocalSettings) -> None:
    """URLs and credentials."""
    url = settings.public_url
    print(f"""
  Portal      {url}/
  DICOMweb    {url}/dicomweb
  API         {url}/api/openapi.json
  Health      {url}/healthz
  DICOM       127.0.0.1:{settings.dicom_port}, called AE title SANSFILM, calling e.g. NORD_CT1
  DICOM TLS   127.0.0.1:{settings.dicom_tls_port}, certificates of the hospitals in {certificates.folder(settings)}
  Local cloud {settings.aws_endpoint_url}
  Logs        {settings.logs_dir}
  Credentials {settings.credentials_file}
""")
    for name, title, password in seeding.credentials(settings):
        print(f"  {name:<20} {password}   {title}")
    known = seeding.patient_code(settings)
    if known:
        messages = f"{settings.aws_endpoint_url}/_ministack/sns/sms-messages"
        print(f"  {'patient':<20} {known['code']:<20}   {known['name']}, born {known['birth_date']}: {url}/patient")
        print(f"  {'':<20} {known['phone_number']:<20}   SMS: {messages}")
    print(flush=True)


async def _until_told_to_stop(settings: LocalSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    platform = Platform(settings)
    try:
        if await _unless_stopped(platform.start(), stop):
            print_welcome(settings)
            print("ready", flush=True)
            await _unless_stopped(platform.wait(), stop)
    finally:
        platform.progress.say("Stopping ...")
        await platform.stop()
        platform.progress.say("Stopped")


async def _unless_stopped(work: Awaitable[None], stop: asyncio.Event) -> bool:
    """Wait for work or for the stop, whichever comes first; return whether the work was done."""
    task, stopped = asyncio.ensure_future(work), asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not task.done():
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, SetupFailure):
            await task
        return False
    task.result()
    return True


def install(settings: LocalSettings) -> int:
    """Install and build what `run` needs and start nothing; return the exit status.

    Raises
    ------
    SetupFailure
        If something cannot be had.
    """
    checks.check_tools()
    checks.check_disk(settings)
    asyncio.run(_install(settings))
    return 0


async def _install(settings: LocalSettings) -> None:
    step = Progress().step
    async with step("Installing the emulator"):
        await environments.install_emulator(settings)
    async with step("Installing the CDK tools"):
        await environments.install_npm(settings, "infra/cdk")
    async with step("Installing the local identity providers"):
        await environments.install_npm(settings, identity_providers.FOLDER)
    async with step("Building the Lambda packages"):
        await asyncio.to_thread(_build_lambdas)
    async with step("Building the portal and the viewer"):
        await environments.build_viewer(settings)


def _build_lambdas() -> None:
    with lambda_build.exclusive():
        lambda_build.build_all()


def run(settings: LocalSettings) -> int:
    """Run the platform in the foreground; return the exit status.

    Raises
    ------
    SetupFailure
        If it cannot start, or if a part cannot be kept running.
    """
    checks.check_tools()
    checks.check_disk(settings)
    with checks.lock_state(settings):
        checks.check_ports(settings)
        asyncio.run(_until_told_to_stop(settings))
    return 0
