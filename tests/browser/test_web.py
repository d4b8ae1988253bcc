"""The server towards the web: foreign hosts and origins, odd paths, odd links, several sessions at once."""

from __future__ import annotations

import base64
import os
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest

from browser.conftest import served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from browser.conftest import Screen, Server


def status(server: Server, path: str, **headers: str) -> int:
    """Send one request just as it stands, without any tidying of its path, and return the status."""
    address = urlsplit(server.url)
    sent = {"Host": address.netloc, "Connection": "close"} | {name.replace("_", "-"): v for name, v in headers.items()}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""]
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=10) as line:
        line.sendall("\r\n".join(lines).encode())
        return int(line.recv(64).split()[1])


def websocket(server: Server, **headers: str) -> int:
    key = base64.b64encode(os.urandom(16)).decode()
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Key": key, "Sec_WebSocket_Version": "13"}
    return status(server, "/_stcore/stream", **(upgrade | headers))


def test_the_page_itself_may_open_the_websocket(server: Server) -> None:
    assert websocket(server, Origin=server.url) == 101


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}])
def test_a_foreign_origin_or_host_may_not_open_the_websocket(server: Server, headers: dict[str, str]) -> None:
    assert websocket(server, **headers) == 403


@pytest.mark.parametrize(
    "path",
    [
        "/../app.py",
        "/static/../../app.py",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/media/../../etc/passwd",
        "/app/static/app.py",
        "/_stcore/bidi-components/convlens_lens/../../../../etc/passwd",
        "/component/x/../../../etc/passwd",
    ],
)
def test_no_path_leads_out_of_what_is_served(server: Server, path: str) -> None:
    address = urlsplit(server.url)
    request = f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n"
    with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=10) as line:
        line.sendall(request.encode())
        answer = b""
        while part := line.recv(65536):
            answer += part
    # A path that means nothing to the server gives the page, as every path of the page itself does.
    page = path == "/app/static/app.py" and b"<title>Streamlit</title>" in answer
    assert int(answer.split()[1]) in (400, 404) or page
    assert b"root:" not in answer and b"set_page_config" not in answer


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_file_may_not_be_handed_over_without_the_token_of_a_session(server: Server, method: str) -> None:
    address = f"{server.url}/_stcore/upload_file/no-session/no-file"
    asked = urllib.request.Request(address, data=b"file", method=method)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(asked, timeout=10)


def test_the_server_listens_on_this_machine_only(server: Server) -> None:
    port = int(urlsplit(server.url).port or 0)
    with socket.create_connection(("127.0.0.1", port), timeout=3):
        pass
    others = {"127.0.0.2", socket.gethostbyname(socket.gethostname())} - {"127.0.0.1"}
    for address in others:
        with pytest.raises(OSError, match=r".*"), socket.create_connection((address, port), timeout=3):
            pass


@pytest.mark.parametrize(
    "query",
    [
        "model=no_such_network",
        "sample=../../etc/passwd",
        "method=Voodoo",
        "class=" + quote("<script>alert(1)</script>"),
        "class=99999999999",
        "grad-cam-layer=nowhere",
        "layer=nowhere",
        "view=upside-down",
        "pixel=NaN-1e9",
        "method=Occlusion&occlusion-window=NaN&occlusion-stride=40",
        "method=Occlusion&occlusion-window=1e9&occlusion-stride=40",
        "ask=nothing",
    ],
)
def test_an_odd_link_falls_back_with_a_notice(screen: Screen, query: str) -> None:
    screen.open(f"?{query}")
    screen.answered()
    notices = screen.page.locator("[class*=st-key-notice-]").all_inner_texts()
    assert any("This link asks for" in text for text in notices)
    assert "What" in screen.headline or "Why" in screen.headline


def test_a_link_of_a_hundred_kilobytes_falls_back_with_a_notice(screen: Screen) -> None:
    screen.open("?class=" + "x" * 100_000)
    screen.answered()
    notices = screen.page.locator("[class*=st-key-notice-]").all_inner_texts()
    assert any("This link asks for" in text and len(text) < 500 for text in notices)
    assert screen.headline.startswith("Why did the model say")


def test_a_long_link_is_read_however_it_arrives_and_before_any_page_was_opened(tmp_path: Path) -> None:
    with served(tmp_path) as fresh:
        address = urlsplit(fresh.url)
        request = f"GET /?class={'x' * 100_000} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n"
        with socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=10) as line:
            line.sendall(request[:90_000].encode())
            time.sleep(0.5)
            line.sendall(request[90_000:].encode())
            assert int(line.recv(64).split()[1]) == 200


def test_a_request_to_elsewhere_would_be_seen_and_reaches_nothing(screen: Screen) -> None:
    screen.open()
    assert screen.left_the_machine == []
    gone = screen.page.evaluate("fetch('http://convlens.example/').then(() => 'answered', () => 'nothing')")
    assert gone == "nothing"
    assert screen.left_the_machine == ["http://convlens.example/"]
    screen.left_the_machine.clear()
    screen.complaints.clear()


def test_one_sessions_picture_never_reaches_another(chromium: Browser, server: Server, screen: Screen) -> None:
    from browser.conftest import Screen as Window
    from browser.test_explain_page import png, upload

    screen.open()
    before = screen.answered()
    other = chromium.new_context()
    window = Window(other.new_page(), server)
    window.open()
    window.answered()
    upload(window, "mine.png", png(seed=3))
    window.page.wait_for_url("**picture=own**")
    assert window.answered() != before
    screen.page.reload()
    assert screen.answered() == before
    other.close()


def test_eight_quick_slider_moves_show_the_last(screen: Screen) -> None:
    screen.open("?method=Occlusion&occlusion-window=20&occlusion-stride=20")
    screen.answered()
    screen.unfold("Adjust")
    slider = screen.page.locator('.st-key-occlusion-window input[type="range"]')
    slider.focus()
    for _ in range(8):
        slider.press("ArrowRight")
    screen.page.wait_for_url("**occlusion-window=28**")
    last = screen.answered()
    screen.open("?method=Occlusion&occlusion-window=28&occlusion-stride=20")
    assert screen.answered() == last


def test_an_unforeseen_error_is_a_sentence_with_a_number(server: Server) -> None:
    assert "Traceback" not in server.log.read_text().replace("told the user", "")


def test_a_closed_tab_stops_its_work(chromium: Browser, server: Server) -> None:
    from browser.conftest import Screen as Window

    context = chromium.new_context()
    window = Window(context.new_page(), server)
    # A server's first answer imports torch and loads the network, which nothing stops.
    window.open("?method=Occlusion&occlusion-window=20&occlusion-stride=20")
    window.open("?method=Occlusion&occlusion-window=5&occlusion-stride=1", settled=False)
    window.page.locator(".st-key-stop button").first.wait_for()
    context.close()
    # One second to notice; then the processor must be idle.
    time.sleep(1.5)
    before = busy(server.process.pid)
    time.sleep(1.0)
    assert busy(server.process.pid) - before < 0.3


def busy(process: int) -> float:
    """Seconds of processor time that a process has used."""
    stat = Path(f"/proc/{process}/stat")
    if not stat.exists():
        pytest.skip("no /proc on this machine")
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
