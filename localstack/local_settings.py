"""Settings of the local platform, from the environment (see README)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REGION = "eu-west-3"
ACCOUNT = "000000000000"


class SetupFailure(Exception):
    """The platform cannot start; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class LocalSettings:
    """Ports, folders and switches of one local platform; two with different ones run side by side."""

    http_port: int = 8080
    dicom_port: int = 11112
    dicom_tls_port: int = 2762
    aws_port: int = 4566
    state_dir: Path = Path(".local")
    demo: bool = True
    study_quiet_s: int = 5
    sms_quiet_hours: str = ""
    """Locally SMS are announced at any hour."""
    log_level: str = "INFO"
    aws_endpoint: str = ""
    """Endpoint of another local cloud (LocalStack, ...) to use instead of starting the emulator."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> LocalSettings:
        """Read `SANSFILM_*`.

        Raises
        ------
        SetupFailure
            If a number is not one.
        """

        def number(name: str, default: int) -> int:
            text = environ.get(name, str(default))
            if not text.isascii() or not text.isdigit():
                raise SetupFailure(f"{name} has to be a number, not {text!r}.")
            return int(text)

        def port(name: str, default: int) -> int:
            found = number(name, default)
            if not 0 < found < 1 << 16:
                raise SetupFailure(f"{name} has to be a port from 1 to 65535, not {found}.")
            return found

        return cls(
            http_port=port("SANSFILM_HTTP_PORT", cls.http_port),
            dicom_port=port("SANSFILM_DICOM_PORT", cls.dicom_port),
            dicom_tls_port=port("SANSFILM_DICOM_TLS_PORT", cls.dicom_tls_port),
            aws_port=port("SANSFILM_AWS_PORT", cls.aws_port),
            state_dir=Path(environ.get("SANSFILM_STATE_DIR", str(ROOT / ".local"))).expanduser().resolve(),
            demo=environ.get("SANSFILM_DEMO", "1") != "0",
            study_quiet_s=number("SANSFILM_STUDY_QUIET_S", cls.study_quiet_s),
            sms_quiet_hours=environ.get("SANSFILM_SMS_QUIET_HOURS", cls.sms_quiet_hours),
            log_level=environ.get("SANSFILM_LOG_LEVEL", cls.log_level),
            aws_endpoint=environ.get("SANSFILM_AWS_ENDPOINT", "").rstrip("/"),
        )

    @property
    def public_url(self) -> str:
        """Origin of the edge."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def aws_endpoint_url(self) -> str:
        """Endpoint of the local cloud."""
        return self.aws_endpoint or f"http://127.0.0.1:{self.aws_port}"

    @property
    def logs_dir(self) -> Path:
        """Where children write what they print."""
        return self.state_dir / "logs"

    @property
    def settings_file(self) -> Path:
        """Environment of the running platform for commands beside it."""
        return self.state_dir / "settings.json"

    @property
    def credentials_file(self) -> Path:
        """Passwords of the demonstration users."""
        return self.state_dir / "credentials.json"

    def base_environment(self) -> dict[str, str]:
        """What every child process gets: nothing of the caller's AWS configuration, only what leads to tools."""
        kept = ("PATH", "HOME", "LANG", "LC_ALL", "USER", "TERM", "TMPDIR", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
        passed = (
            "PIP_",
            "UV_",
            "NPM_CONFIG_",
            "npm_config_",
            "http_proxy",
            "https_proxy",
            "no_proxy",
            "HTTP",
            "NO_PROXY",
        )
        return {name: value for name, value in os.environ.items() if name in kept or name.startswith(passed)}

    def aws_environment(self) -> dict[str, str]:
        """AWS SDK variables that lead to the local cloud."""
        return {
            "AWS_ENDPOINT_URL": self.aws_endpoint_url,
            "AWS_ENDPOINT_URL_S3": self.aws_endpoint_url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
