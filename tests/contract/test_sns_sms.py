"""SMS through SNS, and what is remembered about them."""

from __future__ import annotations

import json
import socket
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.notify.announce import Notification, NotSent, NumberRefused, OutcomeUnknown, State
from tests.emulator import Cloud, free_port


def sent(cloud: Cloud, number: str) -> list[dict[str, Any]]:
    """SMS that the emulator keeps for a number."""
    with urllib.request.urlopen(f"{cloud.emulator.endpoint_url}/_ministack/sns/sms-messages") as answer:
        kept = json.load(answer)
    return [message for message in _flat(kept) if number in json.dumps(message)]


def _flat(kept: Any) -> list[dict[str, Any]]:
    if isinstance(kept, list):
        return kept
    return [message for value in kept.values() if isinstance(value, list | dict) for message in _flat(value)]


@contextmanager
def server(answer: bytes | None) -> Iterator[str]:
    """Takes one request and answers with these bytes, or hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))
    calls: list[int] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            calls.append(1)
            with connection:
                connection.recv(65_536)
                if answer:
                    connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert len(calls) == 1, "an SMS is never tried twice"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def test_sends_to_a_number(cloud: Cloud) -> None:
    assert wiring.sms().send("+33639980042", "Hopital Nord : les images de votre examen sont disponibles")
    (message,) = sent(cloud, "+33639980042")
    text = json.dumps(message)
    assert "les images de votre examen" in text
    assert "SansFilm" in text
    assert "Transactional" in text


def error(status: str, code: str) -> bytes:
    body = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>"
    return f"HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (error("400 Bad Request", "InvalidParameter"), NumberRefused),
        (error("400 Bad Request", "Throttled"), NotSent),
        (error("403 Forbidden", "AuthorizationError"), NotSent),
        (error("500 Internal Server Error", "InternalError"), OutcomeUnknown),
        (None, OutcomeUnknown),
    ],
)
def test_knows_what_may_have_been_sent(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, answer: bytes | None, outcome: type[Exception]
) -> None:
    with server(answer) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", url)
        with pytest.raises(outcome):
            wiring.sms().send("+33639980042", "text")


def test_nobody_listening_means_not_sent(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(NotSent):
        wiring.sms().send("+33639980042", "text")


def test_a_notification_is_claimed_once(cloud: Cloud) -> None:
    log = wiring.notifications()
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: _claim_or_busy(), range(8)))
    assert claims.count(True) == 1
    assert [n.study_instance_uid for n in log.unresolved("nord")] == ["1.2.3"]
    assert list(log.unresolved("sud")) == []


def _claim_or_busy() -> bool:
    from chalicelib.errors import Unavailable

    try:
        return wiring.notifications().claim("nord", "1.2.3", 1)
    except Unavailable:
        return False


@pytest.mark.parametrize(
    ("state", "is_claimable", "is_unresolved"),
    [
        (State.SENT, False, False),
        (State.REFUSED, False, False),
        (State.UNKNOWN, False, True),
        (State.RELEASED, True, False),
        (State.NO_CONTACT, True, False),
        (State.NO_CONSENT, True, False),
    ],
)
def test_states(cloud: Cloud, state: State, is_claimable: bool, is_unresolved: bool) -> None:
    log = wiring.notifications()
    log.record(Notification("nord", "1.2.3", state, 1, "detail"))
    assert log.of_study("nord", "1.2.3") == Notification("nord", "1.2.3", state, 1, "detail")
    assert bool(list(log.unresolved("nord"))) == is_unresolved
    assert log.claim("nord", "1.2.3", 2) == is_claimable


def test_no_contact_never_hides_what_was_sent(cloud: Cloud) -> None:
    log = wiring.notifications()
    sent_before = Notification("nord", "1.2.3", State.SENT, 1, "message")
    log.record(sent_before)
    log.record(Notification("nord", "1.2.3", State.NO_CONTACT, 2))
    assert log.of_study("nord", "1.2.3") == sent_before
