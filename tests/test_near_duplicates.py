"""python -m pytest tests/test_near_duplicates.py"""

from __future__ import annotations

import math
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_pipelines.near_duplicates.clusters import (
    BandEntries,
    find_duplicates,
    find_edges,
    make_entries,
)
from beam_pipelines.near_duplicates.job import _describe_clusters
from beam_pipelines.near_duplicates.signature_files import (
    SignatureFile,
    SignatureWriter,
)
from beam_pipelines.near_duplicates.signatures import (
    EMPTY,
    make_band_keys,
    make_signatures,
)
from electra_keras.errors import UsageError

SYLLABLES = [chr(point) for point in range(0xAC00, 0xD7A4, 37)]


def shingles(text: str) -> set[str]:
    text = "".join(text.split())
    return {text[i : i + 5] for i in range(len(text) - 4)}


def jaccard(left: str, right: str) -> float:
    a, b = shingles(left), shingles(right)
    return len(a & b) / len(a | b)


def make_corpus(
    documents: int, copies: int, replaced_rate: float
) -> tuple[list[str], list[tuple[int, int]]]:
    """Made-up documents, then copies of the first ones with words replaced."""
    choose = random.Random(3)
    words = ["".join(choose.choices(SYLLABLES, k=1 + i % 4)) for i in range(3000)]
    texts = [choose.choices(words, k=choose.randint(60, 160)) for _ in range(documents)]
    for number in range(copies):
        copy = list(texts[number])
        for place in choose.sample(
            range(len(copy)), k=max(1, round(replaced_rate * len(copy)))
        ):
            copy[place] = choose.choice(words)
        texts.append(copy)
    return (
        [" ".join(text) for text in texts],
        [(number, documents + number) for number in range(copies)],
    )


def entries_of(texts: list[str], ids: list[int] | None = None) -> BandEntries:
    numbers = range(len(texts)) if ids is None else ids
    return make_entries(np.array(numbers, np.uint64), make_signatures("\0".join(texts)))


def test_signatures_never_change() -> None:
    signatures = make_signatures("안녕하세요 반갑습니다.\0짧다\0hello, world 👍")
    assert signatures.shape == (3, 112)
    assert signatures.dtype == np.uint32
    assert signatures[:, :4].tolist() == [
        [1438875398, 94397666, 123395573, 26526291],
        [1956674647, 3015553173, 677631730, 1919104034],
        [924645481, 155259152, 992245344, 169235186],
    ]
    assert signatures.sum(axis=1, dtype=np.uint64).tolist() == [
        61353721267,
        235550606596,
        53297639457,
    ]
    assert make_band_keys(signatures)[:, [0, 13]].tolist() == [
        [12374898584317549278, 10512648419972573032],
        [13912212987643565766, 15865754199168023685],
        [9331279897567102789, 17312820280189738153],
    ]


def test_white_space_does_not_matter_and_empty_documents_are_told() -> None:
    signatures = make_signatures(
        "가나다라마바사\0 가나 다라\n마바사\0\0 \n\0가나다\0가나"
    )
    assert (signatures[0] == signatures[1]).all()
    assert (signatures[2:4] == EMPTY).all()
    assert (signatures[4] != signatures[5]).all()
    assert not (signatures[[0, 4, 5]] == EMPTY).any()


@settings(deadline=None, max_examples=60)
@given(texts=st.lists(st.text(st.sampled_from("가나다 \n"), max_size=9), min_size=1))
def test_each_document_is_signed_as_if_alone(texts: list[str]) -> None:
    together = make_signatures("\0".join(texts))
    assert np.array_equal(together, np.concatenate([*map(make_signatures, texts)]))


def test_block_borders_do_not_matter() -> None:
    texts, _ = make_corpus(documents=300, copies=0, replaced_rate=0)
    texts.insert(7, " ".join(texts))  # Longer than a block.
    together = make_signatures("\0".join(texts))
    assert np.array_equal(together, np.concatenate([*map(make_signatures, texts)]))
    assert (together[7] == np.delete(together, 7, axis=0).min(axis=0)).mean() > 0.9


def test_signatures_estimate_the_jaccard_similarity() -> None:
    errors = []
    for rate in (0.02, 0.1, 0.3):
        texts, pairs = make_corpus(documents=150, copies=150, replaced_rate=rate)
        signatures = make_signatures("\0".join(texts))
        for left, right in pairs:
            estimate = (signatures[left] == signatures[right]).mean()
            errors.append(estimate - jaccard(texts[left], texts[right]))
    # One deviation of 112 independent rows is at most 0.047.
    assert abs(np.mean(errors)) < 0.006
    assert np.std(errors) < 0.047


def test_keys_depend_on_the_band() -> None:
    keys = make_band_keys(np.zeros((2, 112), np.uint32))
    assert keys.shape == (2, 14)
    assert np.unique(keys).size == 14
    with pytest.raises(UsageError, match="112 permutations in 13 bands"):
        make_band_keys(np.zeros((2, 112), np.uint32), bands=13)


def test_near_duplicates_are_found_and_others_are_not() -> None:
    texts, pairs = make_corpus(documents=800, copies=200, replaced_rate=0.02)
    texts += make_corpus(documents=200, copies=200, replaced_rate=0.25)[0][200:]
    edges = {(a, b) for a, b in find_edges([entries_of(texts)]).tolist()}
    near = [pair for pair in pairs if jaccard(texts[pair[0]], texts[pair[1]]) >= 0.8]
    assert len(near) > 180
    assert len(edges.intersection(near)) >= 0.9 * len(near)
    similarities = [jaccard(texts[a], texts[b]) for a, b in edges]
    assert min(similarities) >= 0.5


def test_order_of_arrival_does_not_matter() -> None:
    texts, _ = make_corpus(documents=300, copies=60, replaced_rate=0.02)
    expected = find_edges([entries_of(texts)])
    assert len(expected) >= 54
    numbers = list(range(len(texts)))
    random.Random(1).shuffle(numbers)
    parts = [
        entries_of([texts[number] for number in part], part)
        for part in (numbers[:50], numbers[50:51], numbers[51:])
    ]
    received = find_edges(reversed(parts))
    assert np.array_equal(received, expected)
    shuffled = np.random.default_rng(0).permutation(np.tile(received, (3, 1)))
    for left, right in zip(
        find_duplicates(shuffled), find_duplicates(expected), strict=True
    ):
        assert np.array_equal(left, right)


def test_one_band_at_a_time_gives_the_same_clusters() -> None:
    texts, _ = make_corpus(documents=200, copies=60, replaced_rate=0.03)
    whole = entries_of(texts)
    bands = [
        whole._replace(keys=whole.keys[band::14], rows=whole.rows[band::14])
        for band in range(14)
    ]
    edges = np.concatenate([find_edges([entries]) for entries in bands])
    expected = find_duplicates(find_edges([whole]))
    assert [*map(list, find_duplicates(edges))] == [*map(list, expected)]


def test_equal_documents_are_linked_to_the_smallest_id() -> None:
    text = "같은 글이 여러 번 있다"
    texts = [text, "다른 글은 한 번만 있다", text, "", text, "", text + "\n"]
    edges = find_edges([entries_of(texts, [50, 40, 30, 1, 2**63 + 5, 2, 60])])
    assert edges.tolist() == [[30, 50], [30, 60], [30, 2**63 + 5]]


def test_a_rejected_leader_does_not_hide_the_pair_behind_it() -> None:
    prints = np.zeros((4, 112), np.uint8)
    prints[1:3] = 1
    prints[3] = 2
    entries = BandEntries(
        np.array([5, 6, 7, 8], np.uint64),
        prints,
        np.full(4, 9, np.uint64),
        np.arange(4, dtype=np.int32),
    )
    assert find_edges([entries]).tolist() == [[6, 7]]


def make_group(prints: np.ndarray) -> BandEntries:
    """Entries of documents 0, 1, ... that all have one key."""
    ids = np.arange(len(prints), dtype=np.uint64)
    return BandEntries(ids, prints, np.zeros(len(prints), np.uint64), ids.astype("i4"))


def test_a_document_that_is_linked_is_compared_with_others_too() -> None:
    prints = np.zeros((4, 112), np.uint8)
    prints[1, :28] = 1  # 0.75 like the one before and the one after,
    prints[2, :56] = [1] * 28 + [2] * 28  # which are 0.5 like each other.
    prints[3] = prints[1]  # Equals the one that leads before it.
    assert find_edges([make_group(prints)]).tolist() == [
        [0, 1],
        [0, 3],
        [1, 2],
        [1, 3],
        [2, 3],
    ]


def test_two_clusters_are_linked_by_documents_that_do_not_lead_them() -> None:
    prints = np.zeros((4, 112), np.uint8)
    prints[1, :60] = 1  # Led by 0 and 1 ...
    prints[2, :25] = 1
    prints[3, :50] = 1  # ... and between them 2 and 3.
    assert find_edges([make_group(prints)]).tolist() == [[0, 2], [1, 3], [2, 3]]


def test_a_crowd_of_near_duplicates_does_not_hide_another_pair() -> None:
    prints = np.zeros((42, 112), np.uint8)
    prints[np.arange(40), np.arange(40)] = 1  # Each of forty differs a little.
    prints[40:] = 2
    edges = find_edges([make_group(prints)]).tolist()
    assert [40, 41] in edges
    dropped, _ = find_duplicates(np.array(edges, np.uint64))
    assert dropped.tolist() == [*range(1, 40), 41]


def test_clusters_are_counted_by_their_different_texts() -> None:
    ids = np.array([5, 1, 2, 3, 7, 8, 9, 4, 6, 10, 11], np.uint64)
    clusters = np.array([1, 1, 1, 1, 7, 7, 7, 4, 4, 4, 4], np.uint64)
    # Of cluster 1, texts 20, 21 and 22; of 7 one text; of 4 two.
    texts = np.array([21, 20, 20, 22, 30, 30, 30, 41, 40, 41, 40], np.uint64)
    assert _describe_clusters(ids, clusters, texts) == {
        "clusters": 2,
        "sizes": {"2": 1, "3": 1},
        "top": [(3, [1, 3, 5]), (2, [4, 6])],
    }
    nothing = np.empty(0, np.uint64)
    assert _describe_clusters(nothing, nothing, nothing) == {
        "clusters": 0,
        "sizes": {},
        "top": [],
    }


def test_the_largest_clusters_come_first_and_show_their_first_texts() -> None:
    sizes = np.array([2, 6, 3, 6, *[2] * 10])
    clusters = np.repeat(100 * np.arange(len(sizes), dtype=np.uint64), sizes)
    ids = clusters + np.concatenate([np.arange(size) for size in sizes]).astype("u8")
    summary = _describe_clusters(ids, clusters, ids)
    assert summary["sizes"] == {"2": 11, "3": 1, "6": 2}
    assert summary["top"][:4] == [
        (6, [100, 101, 102, 103]),
        (6, [300, 301, 302, 303]),
        (3, [200, 201, 202]),
        (2, [0, 1]),
    ]
    assert len(summary["top"]) == 10


def test_signature_files_hold_what_was_added(tmp_path: Path) -> None:
    texts = [text.encode() for text in ("안녕하세요", "안녕 하세요", " ", "안녕하세요")]
    writer = SignatureWriter(str(tmp_path), "range")
    writer.add(texts, 0, np.array([0, 20, 40, 60], np.uint64))
    ((path, _, _, documents),) = writer.close()
    file = SignatureFile(str(tmp_path / path), documents)
    assert file.ids().tolist() == [0, 20, 60]
    first, spaced, again = file.texts().tolist()
    assert first == again != spaced  # Spaces count here, and not in signatures.
    signatures = make_signatures("안녕하세요\0안녕 하세요\0안녕하세요")
    assert np.array_equal(file.prints(), signatures.astype(np.uint8))
    for band in (0, 13):
        assert np.array_equal(file.keys(band), make_band_keys(signatures)[:, band])
    is_here, places = file.find(np.array([60, 30, 0, 99], np.uint64))
    assert is_here.tolist() == [True, False, True, False]
    assert places.tolist() == [2, 0]


def test_the_threshold_is_met_by_equal_similarity() -> None:
    prints = np.zeros((2, 112), np.uint8)
    prints[1, :28] = 1  # 84 of 112 agree: 0.75, less what chance gives.
    entries = BandEntries(
        np.array([1, 2], np.uint64),
        prints,
        np.zeros(2, np.uint64),
        np.arange(2, dtype=np.int32),
    )
    estimate = (0.75 - 1 / 256) / (1 - 1 / 256)
    assert find_edges([entries], estimate - 1e-9).tolist() == [[1, 2]]
    assert find_edges([entries], estimate + 1e-9).tolist() == []


def test_no_documents_have_no_edges() -> None:
    assert find_edges([]).shape == (0, 2)
    assert find_edges([entries_of(["", " "])]).shape == (0, 2)
    dropped, kept = find_duplicates(np.zeros((0, 2), np.uint64))
    assert dropped.tolist() == kept.tolist() == []


def test_clusters_keep_the_smallest_id() -> None:
    edges = [[4, 9], [2, 4], [7, 8], [8, 2**63], [11, 12], [3, 9], [7, 8]]
    dropped, kept = find_duplicates(np.array(edges, np.uint64))
    assert dropped.tolist() == [3, 4, 8, 9, 12, 2**63]
    assert kept.tolist() == [2, 2, 7, 2, 11, 7]


def test_a_long_chain_is_one_cluster() -> None:
    ids = np.random.default_rng(0).permutation(5000).astype(np.uint64)
    dropped, kept = find_duplicates(np.stack([ids[:-1], ids[1:]], axis=1))
    assert dropped.tolist() == list(range(1, 5000))
    assert not kept.any()


def found_rate(similarity: float, threshold: float) -> float:
    """Share of pairs that meet in a band and agree in enough of 112 prints."""
    rows = [
        math.comb(8, k) * similarity**k * (1 - similarity) ** (8 - k) for k in range(9)
    ]
    agreeing, agreeing_apart = np.ones(1), np.ones(1)
    for _ in range(14):
        agreeing = np.convolve(agreeing, rows)
        agreeing_apart = np.convolve(agreeing_apart, [*rows[:8], 0])
    least = math.ceil((threshold * 255 / 256 + 1 / 256) * 112 - 1e-9)
    total = 0.0
    for count, share in enumerate(agreeing - agreeing_apart):
        rest = 112 - count
        total += share * sum(
            math.comb(rest, k) * 255 ** (rest - k) / 256**rest
            for k in range(max(least - count, 0), rest + 1)
        )
    return total


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (0.0, [0.053, 0.211, 0.564, 0.650, 0.772, 0.924, 0.988, 0.9996]),
        (0.7, [0.000006, 0.0093, 0.363, 0.514, 0.720, 0.921, 0.988, 0.9996]),
        (0.75, [0.00000002, 0.0003, 0.094, 0.193, 0.428, 0.843, 0.986, 0.9996]),
    ],
)
def test_the_rates_that_the_modules_state(
    threshold: float, expected: list[float]
) -> None:
    received = [
        found_rate(similarity, threshold)
        for similarity in (0.5, 0.6, 0.7, 0.72, 0.75, 0.8, 0.85, 0.9)
    ]
    assert received == pytest.approx(expected, rel=0.07, abs=0.0006)
