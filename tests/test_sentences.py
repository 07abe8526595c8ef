"""python -m pytest tests/test_sentences.py"""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_pipelines.sentences import split_sentences

# A bar stands for a space at which a sentence ends. Written by hand, also what
# the rules are known to miss: sentences without a mark, and nouns before dots.
LABELLED = """\
영화 정말 재밌었어요.|배우들 연기도 좋았고요.|다음 편이 기다려집니다.
처음엔 지루했다.|그런데 중반부터 몰입했다!
왜 이제야 봤을까?|후회된다.
시간 가는 줄 몰랐네요 ㅋㅋㅋ|또 보고 싶어요
시간 가는 줄 몰랐네요ㅋㅋ|또 보고 싶어요
눈물이 났어요 ㅠㅠ ㅠㅠ|가족과 보세요
최고예요! ㅎㅎ|강추합니다 ^^
최고예요!! ^^|강추!
재밌다~|근데 좀 길다
재밌다 ㅠ.ㅠ|결말이 슬프다
진짜 웃겼음ㅋㅋㅋㅋ|옆 사람이 쳐다봄
진짜 좋았다 👍👍|다시 볼 거예요 😍
진짜 좋았다👍🏽|다시 볼래
그런데... 결말이 왜 이래?
음악은 좋은데.. 이야기가 약하다...|아쉽다
재미없다...|보지 마라
기대했는데… 실망했습니다…|환불해 주세요.
이게 뭐야?!|돈 아깝다!!
이게 뭐야?..|정말 모르겠네..|나만 그런가
평점 3.5점 줍니다.|0.5점은 음악 값.
2019. 5. 3. 개봉한 영화인데 이제 봤다.
1. 연기 2. 음악 3. 영상 모두 좋다.
오후 3:30.|극장에 도착했다.
홈페이지는 www.example.com 입니다.|문의는 help@example.com.|언제든 좋아요.
http://example.com/a.html?b=1 여기서 봤어요.|자막도 있어요.
그가 말했다.|"이제 가자."|그리고 떠났다.
"가자!" 하고 그가 외쳤다.
"정말 좋다." 라고 말했다.
이게 맞나? 싶은 장면이 많다.
주인공(정말 멋지다!) 때문에 봤어요.
재밌었어요(진짜로요).|추천해요.
그는 "괜찮아?"라고 물었다.|나는 웃었다.
안녕하세요|처음 뵙겠습니다|잘 부탁드려요
내일 시간 괜찮으세요|저녁 같이 먹어요
오늘 너무 힘들었어요|그래도 당신 덕분에 웃었어요
그건 좀 아니죠|다시 생각해 보세요
고백했는데 차였어요 ㅠㅠ|어떻게 해야 할까요?
썸 타는 중인데 답장이 늦어요;;|관심이 없는 걸까요?
헤어진 지 한 달 됐습니다.|아직도 생각나요.|연락해도 될까요?
네.|알겠습니다.|금방 갈게요!
아니요.|괜찮아요~~|다음에 봐요~
ㅋㅋㅋ 진짜 웃기다 ㅋㅋㅋ
ㅇㅇ 맞아 ㄹㅇ 최고
배우 연기가 살렸음.|감독은 반성해라.
스토리 억지임..|연기도 별로임..|돈 아까움
볼만한 듯..|킬링타임용
명작이다 ♥♥|열 번 봤다
완벽한 영화!|별 다섯 개 ★★★★★|더 줄 수 없어 아쉽다
서울 시내.|그리고 밤이 왔다.
정부는 3일 대책을 발표했다.|물가는 2.5% 올랐다.|금리는 그대로다.
대통령은 "물가를 잡겠다"고 말했다.|야당은 반발했다.
이 회사는 지난해 1,200억 원을 벌었다.|전년보다 10.3% 늘었다.
김 씨는 "힘들었다.|하지만 행복했다"며 웃었다.
가. 목적은 다음과 같다.
제3조에 따른다.|다만 예외가 있다.
오늘은 날씨가 흐리겠습니다.|낮 기온은 20도입니다.
경기는 2-1로 끝났다.|손님들은 집으로 갔다.
이름은 J. K. 롤링이다.|책이 유명하다.
U.S. 오픈에서 우승했다.|첫 우승이다.
OST가 좋다.|cg도 훌륭하다.
재밌네요.|ocn에서 봤어요.
재밌었다 근데 좀 길었다
재밌다 재밌다 정말 재밌다
보다 나은 영화가 필요 없다
바다... 그 넓은 곳
처음... 본 순간
우리 동네.. 그 골목
그러니까... 내 말은
보면 볼수록 새롭다!|또 보고 싶은 영화~
영화는 좋다 .|자막은 나쁘다 .
와 대박!|진짜 말이 안 나온다
감동적이에요|눈물 콧물 다 쏟았네요|최고
원작을 봤어야 하는데요|그래도 괜찮았어요
역시 믿고 보는 배우네|연기가 살아 있어
내 인생 영화.|두말하면 잔소리.
기억에 남는 영화ㅋㅋ|또 봐야지
아이들이 좋아해서 두 번 봤어요. ^^|감사합니다
The film was great.|I loved it!
Dr. Smith met Mr. Jones at 5 p.m. on Monday.|They talked.
It cost $3.50.|That was cheap.
He lives in the U.S. and works for Acme Inc. in Ohio.
Well... I am not sure.|Are you?
"Stop!" he cried.|"Come back!"|Nobody moved.
Use a list, e.g. apples, pears, etc. and go on.
It happened in 1999.|Then everything changed.
See Fig. 3 and No. 5 for details.|Thanks.
J. R. R. Tolkien wrote it.|C. S. Lewis read it.
Really?!|Yes, really.|Wow!!
Visit www.example.com.|Write to me@example.com.|Goodbye.
So funny!! 😂😂|The end was sad :(
He asked, "Why?"|She said nothing.
(This is a note.)|It goes on here.
The vote was 51 to 49.|The bill passed.
They arrived on Jan. 5 and left on Feb. 7.|It was cold.
Prof. Lee and Capt. Kim agreed.|No one else did.
We shall overcome.|We shall not fail.|God bless you.
Is it good?|is it bad?|who knows
Yahoo! is a company.|It was big once.
The words are spaced .|Each sign stands alone !|So be it .
The U.S. is large.|Plan B. failed, though.
version 1.2.3 is out.|Get it now!
"I know.|I was there," she said.
Mt. Halla is tall.|St. Mary is a church.
배우들의 명연기에 눈을 뗄 수가 없는 영화.. 최고의 결말
초반이 지루하다는 평이 많았는데..|막상 보니 괜찮네요..|추천!
감독님 차기작 언제 나오나요?|기다리고 있습니다!!!!!
별 반 개도 아깝다;|시간 낭비 ㅡㅡ|남들은 보지 말길
명불허전ㅋㅋㅋ 말이 필요 없음ㅋㅋ|무조건 보세요
재밌냐?|하나도 재미없다.|ㅉㅉ
ㅎㅎ 오랜만에 웃었습니당 ㅎㅎ|좋은 영화 감사해욤
한국영화의 한계.|그래도 이 정도면 수작!|10점 드립니다.
이걸 왜 만들었는지 모르겠다.....|내 돈....
남자친구랑 봤는데 둘 다 졸았음..ㅋㅋ|비추합니다
엔딩 크레딧까지 꼭 보세요~!!|쿠키 영상 있어요~!!
제목: 사랑. 감독: 김 아무개.
그럴 수도 있죠.|사람 마음이란 게 다 그렇잖아요?
오빠 뭐 해?|나 지금 카페야~ 보고 싶다ㅠㅠ|언제 와?
그 사람이 먼저 연락했대요|이제 와서 왜 그럴까요
여자친구 생일이 3. 14.라서 헷갈려요.
Hello world
좋다
""".splitlines()


def boundaries(line: str, mark: str) -> set[int]:
    return {index for index, char in enumerate(line) if char == mark}


def test_precision_and_recall_on_labelled_lines() -> None:
    assert len(LABELLED) >= 100
    expected = found = right = 0
    report = []
    for line in LABELLED:
        wanted = boundaries(line, "|")
        split = split_sentences(line.replace("|", " ").rstrip("\n"))
        received = boundaries(split, "\n")
        expected += len(wanted)
        found += len(received)
        right += len(wanted & received)
        if wanted != received:
            report.append(f"{line}   ->   {split!r}")
    precision, recall = right / found, right / expected
    print(*report, sep="\n")
    print(f"{expected} boundaries, precision {precision:.3f}, recall {recall:.3f}")
    assert precision >= 0.97
    assert recall >= 0.9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("좋다. 또 본다.", "좋다.\n또 본다."),
        ("좋다.  또 본다. ", "좋다.  또 본다. "),
        ("좋네요 ㅋㅋ ㅠㅠ 또 봐요", "좋네요 ㅋㅋ ㅠㅠ\n또 봐요"),
        ("좋다.또 본다.", "좋다.또 본다."),
        ("그런데... 좋다... 또", "그런데... 좋다...\n또"),
        ("Mr. Kim left. We stay.", "Mr. Kim left.\nWe stay."),
        ("첫 줄. 끝\n둘째. 끝\x001. 셋째. 끝", "첫 줄.\n끝\n둘째.\n끝\x001. 셋째.\n끝"),
        ("", ""),
        ("\x00\x00\n \n", "\x00\x00\n \n"),
    ],
)
def test_literal_splits(text: str, expected: str) -> None:
    assert split_sentences(text) == expected


texts = st.lists(
    st.sampled_from([*' \n\t다요가~♥…。-"3Ab', "어요", "습니다", "ㅋㅋ", ". "])
    | st.sampled_from(
        ["는데", "니까", "! ", "? ", "... ", " ㅠㅠ ", "” ", ") ", "처음", "라고", "10"]
    )
    | st.sampled_from(["^^", "👍🏽", "Mr"]),
    max_size=30,
).map("".join)


@settings(max_examples=400, deadline=None)
@given(text=texts)
def test_a_newline_takes_the_place_of_a_space_and_nothing_else_changes(
    text: str,
) -> None:
    split = split_sentences(text)
    assert len(split) == len(text)
    changes = {(a, b) for a, b in zip(text, split, strict=True) if a != b}
    assert changes <= {(" ", "\n")}


@settings(max_examples=400, deadline=None)
@given(first=texts, second=texts, joint=st.sampled_from(["\x00", "\n"]))
def test_documents_and_lines_are_treated_as_if_alone(
    first: str, second: str, joint: str
) -> None:
    split = split_sentences(first + joint + second)
    assert split == split_sentences(first) + joint + split_sentences(second)


@pytest.mark.parametrize(
    "unit",
    ["!", ".", "ㅋ", "다.", "ㅋ! ", "다 ㅋ", " ㅋ", "! ", ". ", "ㅋ.ㅋ", "a.", "요 "],
)
def test_time_is_linear_in_any_text(unit: str) -> None:
    text = "좋다" + unit * (200_000 // len(unit)) + "\n"
    started = time.process_time()
    split_sentences(text)
    # Some 20 ms; quadratic time would be minutes.
    assert time.process_time() - started < 5
