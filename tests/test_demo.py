"""python -m pytest tests/test_demo.py

The answers that are expected are those of `spelled_model.py`: a word of four
letters has 0.4.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from spelled_model import write_two_versions
from werkzeug.test import Client, TestResponse

from electra_keras import demo
from electra_keras.errors import UsageError
from electra_keras.serving.demo.answers import ShownModel
from electra_keras.serving.demo.door import is_loopback
from electra_keras.serving.demo.pieces import cut_pieces, show_token
from electra_keras.serving.demo.server import DemoApplication, open_server
from electra_keras.serving.export import export_run
from electra_keras.training.saved_run import load_run

HOST = {"Host": "127.0.0.1:8600"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_two_versions(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def app(folder: Path) -> DemoApplication:
    return DemoApplication([ShownModel.load(folder / v) for v in ("1", "2")])


@pytest.fixture
def client(app: DemoApplication) -> Client:
    return Client(app)


def post(client: Client, path: str, body: object, **headers: str) -> TestResponse:
    return client.post(path, json=body, headers={**HOST, **headers})


def pieces_of(text: str, tokens: list[str], places: list[tuple[int, int]]):
    row = ["[CLS]", *tokens, "[SEP]"]
    starts, ends = zip((0, 0), *places, (len(text), len(text)), strict=True)
    pieces, rest = cut_pieces(text, row, starts, ends)
    return [(p.before, p.text, p.continues) for p in pieces], rest


def test_pieces_are_the_text_as_it_was_typed() -> None:
    # The family is five code points and eight UTF-16 units.
    pieces, rest = pieces_of(
        " 하나  👨‍👩‍👧 a\n",
        ["하", "##나", "[UNK]", "a"],
        [(1, 2), (2, 3), (5, 10), (11, 12)],
    )
    assert pieces == [
        (" ", "하", False),
        ("", "나", True),
        ("  ", "👨‍👩‍👧", False),
        (" ", "a", False),
    ]
    assert rest == "\n"


def test_pieces_that_share_a_place_lose_and_double_nothing() -> None:
    pieces, rest = pieces_of(
        "aİb", ["a", "##i", "##x", "##b"], [(0, 1), (1, 2), (1, 2), (2, 3)]
    )
    assert [text for _, text, _ in pieces] == ["a", "İ", "", "b"]
    assert rest == ""


def test_text_without_a_token_is_all_rest() -> None:
    assert pieces_of(" \t", [], []) == ([], " \t")


def test_tokens_are_shown_without_their_mark() -> None:
    assert [show_token(t) for t in ("##나", "가", "##", "[UNK]")] == [
        "나",
        "가",
        "##",
        "[UNK]",
    ]


def test_models_are_named(client: Client, folder: Path) -> None:
    about = {"sequence_length": 16, "has_score": True}
    assert client.get("/api/models", headers=HOST).json == {
        "models": [
            {"name": str(folder / "1"), "has_generator": True, **about},
            {"name": str(folder / "2"), "has_generator": False, **about},
        ]
    }


def test_look_gives_an_answer_per_model(client: Client, folder: Path) -> None:
    answers = post(client, "/api/look", {"text": "the  chef 👍🏽"}).json["answers"]
    assert [answer["model"] for answer in answers] == [str(folder / v) for v in "12"]
    for answer in answers:
        assert answer["naturalness"] == pytest.approx(1 - (0.3 + 0.4 + 0.2) / 3)
        assert (answer["rest"], answer["is_cut"]) == ("", False)
        assert [
            (p["place"], p["start"], p["end"], p["before"], p["text"], p["continues"])
            for p in answer["pieces"]
        ] == [
            (1, 0, 3, "", "the", False),
            (2, 5, 9, "  ", "chef", False),
            (3, 10, 12, " ", "👍🏽", False),
        ]
        probabilities = [p["replaced_probability"] for p in answer["pieces"]]
        assert probabilities == pytest.approx([0.3, 0.4, 0.2])


def test_corrupt_tells_what_was_replaced(client: Client, folder: Path) -> None:
    body = {"text": "the chef cooked the meal", "seed": 1}
    first, second = post(client, "/api/corrupt", body).json["answers"]
    assert [
        (p["text"], p["original"], p["is_masked"], p["is_replaced"])
        for p in first["pieces"]
    ] == [
        ("the", "the", False, False),
        ("replaced", "chef", True, True),
        ("cooked", "cooked", False, False),
        ("the", "the", True, False),
        ("meal", "meal", False, False),
    ]
    assert first["pieces"][1]["replaced_probability"] == pytest.approx(0.8)
    assert second["model"] == str(folder / "2")
    assert second["problem"]["expected"] == "the signature `corrupt`"
    assert "--with_generator" in second["problem"]["fix"]


def test_long_text_is_cut_and_the_answer_says_so(client: Client) -> None:
    answer = post(client, "/api/look", {"text": "a " * 20}).json["answers"][0]
    assert len(answer["pieces"]) == 14  # Sixteen with [CLS] and [SEP].
    assert answer["is_cut"]
    assert answer["rest"] == " a" * 6 + " "
    short = post(client, "/api/look", {"text": "a " * 14}).json["answers"][0]
    assert (short["is_cut"], short["rest"]) == (False, " ")


@pytest.mark.parametrize("text", ["", "  ", "\x00", "ㅋㅋㅠㅠ", '<b>"&'])
def test_odd_texts_get_an_answer(client: Client, text: str) -> None:
    response = post(client, "/api/look", {"text": text})
    assert response.status_code == 200
    answer = response.json["answers"][0]
    typed = "".join(p["before"] + p["text"] for p in answer["pieces"]) + answer["rest"]
    assert typed == text


def test_page_and_its_parts_are_served(client: Client) -> None:
    for path, kind in (
        ("/", "text/html"),
        ("/page.css", "text/css"),
        ("/page.js", "text/javascript"),
        ("/tokens.js", "text/javascript"),
        ("/labels.js", "text/javascript"),
        ("/icon.svg", "image/svg+xml"),
    ):
        response = client.get(path, headers=HOST)
        assert (response.status_code, response.mimetype) == (200, kind), path
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self';") and "unsafe" not in policy
        outside = response.text.replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in outside and "https:" not in outside


@pytest.mark.parametrize(
    ("path", "body", "status", "received"),
    [
        ("/api/look", {}, 400, "text: null"),
        ("/api/look", {"text": 5}, 400, "text: 5"),
        (
            "/api/look",
            {"text": "a\ud83d"},
            400,
            "text with a lone surrogate at character 1",
        ),
        ("/api/look", ["a"], 400, "a body that starts with b'[\"a\"]'"),
        ("/api/look", {"text": "a" * 70_000}, 413, "a body of 70012 bytes"),
        ("/api/corrupt", {"text": "a"}, 400, "seed: null"),
        ("/api/corrupt", {"text": "a", "seed": 2**31}, 400, "seed: 2147483648"),
        ("/api/corrupt", {"text": "a", "seed": True}, 400, "seed: true"),
        ("/api/nothing", {}, 404, "POST /api/nothing"),
        ("/api/models", {}, 405, "POST /api/models"),
    ],
)
def test_wrong_requests_are_told_what_is_expected(
    client: Client, path: str, body: object, status: int, received: str
) -> None:
    response = post(client, path, body)
    assert response.status_code == status
    error = response.json["error"]
    assert error["received"] == received
    assert error.keys() == {"received", "expected", "fix"} and all(error.values())


@pytest.mark.parametrize("data", [b"{", b"\xff", b"[" * 60_000, b"null"])
def test_what_is_no_json_object_is_refused(client: Client, data: bytes) -> None:
    response = client.post(
        "/api/look", data=data, content_type="application/json", headers=HOST
    )
    assert response.status_code == 400
    assert response.json["error"]["expected"].startswith("a JSON object")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", ""]
)
def test_posts_that_any_site_can_send_are_refused(client: Client, kind: str) -> None:
    response = client.post(
        "/api/look", data=b'{"text": "a"}', content_type=kind, headers=HOST
    )
    assert response.status_code == 415
    assert response.json["error"]["expected"] == "application/json"


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8600", "localhost.evil.example", "10.0.0.1"),
        *("127.0.0.1.evil.example", "0.0.0.0:8600", "[", ""),
    ],
)
def test_foreign_hosts_are_refused(client: Client, host: str) -> None:
    for path in ("/", "/api/models"):
        response = client.get(path, headers={"Host": host})
        assert response.status_code == 403, path
        assert response.json["error"]["received"] == f"Host: {host}"
    response = client.post("/api/look", json={"text": "a"}, headers={"Host": host})
    assert response.status_code == 403


@pytest.mark.parametrize("host", ["localhost:8600", "127.0.0.1", "[::1]:9000"])
def test_hosts_of_this_machine_are_answered(client: Client, host: str) -> None:
    assert client.get("/api/models", headers={"Host": host}).status_code == 200


def test_pages_of_other_origins_are_refused(client: Client) -> None:
    body = {"text": "a"}
    for origin in ("https://evil.example", "null", "http://127.0.0.1:9999"):
        response = post(client, "/api/look", body, Origin=origin)
        assert response.status_code == 403
        assert response.json["error"]["received"] == f"Origin: {origin}"
    own = post(client, "/api/look", body, Origin="http://127.0.0.1:8600")
    assert own.status_code == 200
    preflight = client.options("/api/look", headers=HOST)
    assert not [h for h, _ in preflight.headers if h.startswith("Access-Control")]


def test_loopback_addresses_are_told_from_others() -> None:
    inside = ("localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1")
    outside = ("0.0.0.0", "::", "192.168.0.2", "example.org", "", "127.1")
    assert all(map(is_loopback, inside))
    assert not any(map(is_loopback, outside))


def test_other_hosts_are_not_listened_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.main([f"--model={folder / '1'}", "--host=0.0.0.0"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --host=0.0.0.0; expected a loopback address")
    assert "ssh -L" in error


def test_port_in_use_is_told(app: DemoApplication) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=rf"--port={port}: another program has it"):
            open_server(app, "127.0.0.1", port)
    with pytest.raises(UsageError, match="expected a free port from 1024 to 65535"):
        open_server(app, "127.0.0.1", 65536)


def test_command_serves_until_interrupted(folder: Path) -> None:
    command = [sys.executable, "-m", "electra_keras.demo", "--port=0"]
    process = subprocess.Popen(
        [*command, f"--model={folder / '1'}", f"--compare={folder / '2'}"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    try:
        assert process.stdout
        words = process.stdout.readline().split()
        assert words[0] == "open" and words[1].startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{words[1]}api/models") as response:
            models = json.load(response)["models"]
        assert [Path(model["name"]).name for model in models] == ["1", "2"]
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stdout.read() == "\nended\n"
    finally:
        process.kill()
        process.wait()


def test_exported_models_are_shown(run_folder: Path, tmp_path: Path) -> None:
    version = export_run(load_run(run_folder), tmp_path, with_generator=True)
    client = Client(DemoApplication([ShownModel.load(version)]))
    (about,) = client.get("/api/models", headers=HOST).json["models"]
    assert about == {
        "name": str(version),
        "sequence_length": 16,
        "has_generator": True,
        "has_score": True,
    }
    text = " 가 나  하나! 👍🏽 zebra\n"
    (answer,) = post(client, "/api/look", {"text": text}).json["answers"]
    assert [(p["before"], p["text"], p["continues"]) for p in answer["pieces"]] == [
        (" ", "가", False),
        (" ", "나", False),
        ("  ", "하", False),
        ("", "나", True),
        ("", "!", False),
        (" ", "👍🏽", False),
        (" ", "zebra", False),
    ]
    assert answer["rest"] == "\n" and isinstance(answer["naturalness"], float)
    assert all(0 < p["replaced_probability"] < 1 for p in answer["pieces"])
    body = {"text": "가 나 다 라 마 바 사 아", "seed": 3}
    (corrupted,) = post(client, "/api/corrupt", body).json["answers"]
    assert "".join(p["original"] for p in corrupted["pieces"]) == "가나다라마바사아"
    assert [p["place"] for p in corrupted["pieces"]] == list(range(1, 9))
    masked = [p for p in corrupted["pieces"] if p["is_masked"]]
    assert 1 <= len(masked) <= 4
    for piece in corrupted["pieces"]:
        assert piece["is_replaced"] == (piece["text"] != piece["original"])
        assert piece["is_masked"] or not piece["is_replaced"]
    assert corrupted["generator"] == str(version)
    again = post(client, "/api/corrupt", body).json["answers"]
    assert again == [corrupted]


def test_models_of_one_vocabulary_judge_the_same_words(
    run_folder: Path, tmp_path: Path
) -> None:
    run = load_run(run_folder)
    folders = [
        export_run(run, tmp_path, sequence_length=16),
        export_run(run, tmp_path, sequence_length=16, with_generator=True),
        export_run(run, tmp_path, sequence_length=5),
    ]
    client = Client(DemoApplication([ShownModel.load(folder) for folder in folders]))
    body = {"text": "가 나 다 라", "seed": 3}
    first, second, third = post(client, "/api/corrupt", body).json["answers"]
    assert first["generator"] == second["generator"] == str(folders[1])
    # The weights are the same: so are the words and what is said of them.
    for piece, other in zip(first["pieces"], second["pieces"], strict=True):
        probability = piece.pop("replaced_probability")
        assert probability == pytest.approx(other.pop("replaced_probability"), abs=1e-5)
        assert piece == other
    assert "problem" in third  # Its rows are too short for all six tokens.
