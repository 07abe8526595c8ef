"""python -m pytest tests/test_document_profile.py"""

from __future__ import annotations

from beam_pipelines.cleaning.personal_data import scrub
from beam_pipelines.document_profile import PERSONAL_DATA, DocumentProfile, Step

MAIL = "jane.doe@mail.example.org"
SCRUBBED = "email@example.com"


def note(*steps: tuple[str, list[str], list[str]]) -> list[dict[str, object]]:
    """Notes the steps of one batch; gives the samples."""
    profile = DocumentProfile("a.txt")
    offsets = [10 * number for number in range(len(steps[0][1]))]
    joined = [Step(stage, "\0".join(old), "\0".join(new)) for stage, old, new in steps]
    profile.note_changes(joined, offsets)
    return profile.row()["samples"]


def test_the_first_two_documents_that_a_stage_changed_are_shown() -> None:
    before = ["같다", "가  나", "다  라", "마  바"]
    after = ["같다", "가 나", "다 라", "마 바"]
    assert note(("normalise", before, after), ("clean", after, after)) == [
        *(
            {"stage": "normalise", "source": "a.txt", "offset": offset, **texts}
            for offset, texts in (
                (10, {"before": "가  나", "after": "가 나"}),
                (20, {"before": "다  라", "after": "다 라"}),
            )
        )
    ]


def test_a_stage_is_looked_at_until_it_changed_something() -> None:
    profile = DocumentProfile("a.txt")
    profile.note_changes([Step("clean", "가", "가")], [0])
    profile.note_changes([Step("clean", "가!!!", "가!!")], [1])
    profile.note_changes([Step("clean", "나!!!", "나!!")], [2])
    assert [sample["offset"] for sample in profile.samples] == [1]


def test_samples_of_stages_before_scrubbing_hold_no_personal_data() -> None:
    raw = [
        f"메일  {MAIL}",  # Scrubbed.
        "전화 010-12\u200b34-5678  번",  # Seen by the scrubber after normalising.
        f"끝  {MAIL}",  # Removed by the preset, so never scrubbed.
        "메일&#64;없음",
        "좋다  ㅋㅋㅋㅋ",
    ]
    normal = [
        f"메일 {MAIL}",
        "전화 010-1234-5678 번",
        f"끝 {MAIL}",
        raw[3],
        "좋다 ㅋㅋㅋㅋ",
    ]
    clean = [*normal[:2], "끝", "메일@없음", "좋다 ㅋㅋ"]
    scrubbed = [f"메일 {SCRUBBED}", "전화 000-0000-0000 번", *clean[2:]]
    samples = note(
        ("normalise", raw, normal),
        ("clean", normal, clean),
        (PERSONAL_DATA, clean, scrubbed),
        ("sentences", scrubbed, [text.replace(" ", "\n") for text in scrubbed]),
    )
    shown = [(x["stage"], x["before"], x["after"]) for x in samples]
    assert shown == [
        ("normalise", raw[4], normal[4]),
        ("clean", raw[3], clean[3]),
        ("clean", normal[4], clean[4]),
        (PERSONAL_DATA, f"메일 {'•' * len(MAIL)}", scrubbed[0]),
        (PERSONAL_DATA, "전화 ••••••••••••• 번", scrubbed[1]),
        ("sentences", scrubbed[0], f"메일\n{SCRUBBED}"),
        ("sentences", scrubbed[1], "전화\n000-0000-0000\n번"),
    ]


def test_what_was_removed_is_hidden_whole_and_nothing_else() -> None:
    cases = {
        # A full stop after Korean is no part of an address, and nor is one after it.
        f"했다.{MAIL}. 끝": f"했다.{'•' * len(MAIL)}. 끝",
        # Like its replacement in all but a letter.
        "mail@example.com으로": f"{'•' * 16}으로",
        "카톡 아이디: bluesky 추가": "카톡 아이디: ••••••• 추가",
        "010 1234 5678": "••• •••• ••••",
        "공일공-일이삼사-오육칠팔": "공•공-••••-••••",
        "국민 123456-01-123456 원": f"국민 {'•' * 16} 원",
        f"{'가' * 390} 010-1234-5678": f"{'가' * 78} {'•' * 13}",
        f"010-1234-5678 {'가' * 140} {MAIL}": f"{'•' * 13} {'가' * 140} {'•' * 5}",
    }
    for text, expected in cases.items():
        (sample,) = note((PERSONAL_DATA, [text], [scrub(text)[0]]))
        assert sample["before"] == expected


def test_a_batch_without_such_a_document_leaves_the_stage_for_the_next() -> None:
    profile = DocumentProfile("a.txt")
    for offset, text in enumerate((f"메일  {MAIL}", "가  나", "다  라")):
        normal = text.replace("  ", " ")
        profile.note_changes(
            [
                Step("normalise", text, normal),
                Step(PERSONAL_DATA, normal, normal.replace(MAIL, SCRUBBED)),
            ],
            [offset],
        )
    shown = [(sample["stage"], sample["offset"]) for sample in profile.samples]
    assert shown == [(PERSONAL_DATA, 0), ("normalise", 1)]
