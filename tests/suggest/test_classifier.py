"""What the shipped notes teach: matters of texts that are not among them, and a model that is kept with care."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from casebook.suggest.catalogue import Catalogue, CatalogueError, Note
from casebook.suggest.classifier import Classifier, heading, plain
from casebook.suggest.model_file import BackgroundModel, ModelFile
from config.check import check_city
from config.suggestions import load_catalogue
from tests.conftest import REPOSITORY

CITY = REPOSITORY / "config" / "city"
SMALL = [
    Note(f"{words}{n}", matter)
    for matter, words in (("供水排水", "家里停水水管漏水"), ("供电", "小区停电电表跳闸"), ("噪声", "机器轰轰响太吵"))
    for n in range(4)
]


@pytest.fixture(scope="session")
def model() -> Classifier:
    """Trained from the shipped notes."""
    _, notes = load_catalogue(CITY)
    return Classifier.train([note.text for note in notes], [note.matter for note in notes])


def test_the_shipped_notes_teach_every_matter_of_all_fourteen_groups() -> None:
    catalogue, notes = load_catalogue(CITY)
    assert len({matter.group for matter in catalogue.matters}) == 14
    for matter in catalogue.matters:
        own = [note.text for note in notes if note.matter == matter.name]
        assert len(set(own)) >= 15, matter.name


@pytest.mark.parametrize(
    ("text", "matter"),
    [
        ("楼下烧烤店每天晚上烟熏火燎的，窗户根本不敢开", "大气油烟"),
        ("我们村到现在自来水都没有，什么时候能通", "供水排水"),
        ("社保卡弄丢了应该去哪里补一张", "社保缴纳待遇"),
        ("包工头欠我们八个人的工钱，打电话也不接", "欠薪"),
        ("路灯坏了好几天，晚上走路看不见", "道路设施"),
        ("健身房关门了，会员卡里还有两千多块钱", "消费纠纷"),
        ("想问今年小学一年级报名需要准备哪些东西", "招生入学"),
        ("邻居家的狗整夜叫，还不拴绳子", "养犬"),
        ("天然气灶打不着火，燃气公司电话没人接", "供气"),
        ("出租车司机拒载还骂人", "公交出租网约"),
        ("公积金怎么提取", "住房保障与公积金"),
        ("宽带断了一个星期，报修了没有人来", "通信广电"),
        ("法院判下来了，对方一直不给钱", "诉讼仲裁复议"),
        ("我要举报村支书把公家的钱拿去自己用了", "纪检监察"),
    ],
)
def test_the_matter_of_an_unseen_text_is_among_the_three_suggested(model: Classifier, text: str, matter: str) -> None:
    assert matter in [guess.label for guess in model.guesses(text)]


def test_suggestions_are_probabilities_best_first(model: Classifier) -> None:
    every = model.guesses("小区停水两天了", most=500)
    assert len(every) == len(model.labels)
    assert sum(guess.probability for guess in every) == pytest.approx(1)
    assert [guess.probability for guess in every] == sorted((guess.probability for guess in every), reverse=True)


@pytest.mark.parametrize("text", ["", " ", "？？？", "a" * 5000, "\n\n", "😀", "𠮷野家"])
def test_a_text_that_says_nothing_breaks_nothing(model: Classifier, text: str) -> None:
    assert len(model.guesses(text)) == 3


def test_the_same_notes_make_the_same_model(model: Classifier) -> None:
    texts, labels = [note.text for note in SMALL], [note.matter for note in SMALL]
    first, second = (Classifier.train(texts, labels) for _ in range(2))
    assert first.guesses("水管漏水") == second.guesses("水管漏水")


def test_texts_about_one_thing_are_more_alike_than_others(model: Classifier) -> None:
    same, other = model.alike("苍梧小区门口的路灯坏了一排", ["苍梧小区门口一排路灯都坏了", "公积金贷款额度怎么算"])
    assert same > 0.5
    assert other < 0.2
    assert model.alike("甲", []) == []
    assert model.alike("路灯坏了", ["路灯坏了"]) == [pytest.approx(1)]


def test_no_long_number_reaches_the_model() -> None:
    assert plain("电话１３８１２３４５６７８，身份证 320700199001011234") == "电话#,身份证 #"
    assert heading("路灯不亮\n苍梧路一排路灯") == "路灯不亮"


def _file(folder: Path, notes: Sequence[Note] = SMALL, decided: Sequence[Note] = ()) -> ModelFile:
    return ModelFile(folder, notes, lambda: decided)


def test_a_model_is_trained_once_and_then_read(tmp_path: Path) -> None:
    model, info = _file(tmp_path).load()
    again, same = _file(tmp_path).load()
    assert same == info
    assert again.guesses("停水") == model.guesses("停水")
    assert [path.stat().st_mode & 0o077 for path in tmp_path.glob("*.joblib")] == [0]


@pytest.mark.parametrize("name", ["scikit_learn", "notes", "sha256"])
def test_a_model_that_does_not_fit_is_trained_again(tmp_path: Path, name: str) -> None:
    _, info = _file(tmp_path).load()
    about = tmp_path / "matters.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {name: "another"}))
    assert _file(tmp_path).load()[1] == info
    assert json.loads(about.read_text())[name] != "another"


@pytest.mark.parametrize("harm", ["model", "json", "both"])
def test_a_broken_or_missing_file_is_made_again(tmp_path: Path, harm: str) -> None:
    _, info = _file(tmp_path).load()
    if harm in ("model", "both"):
        (tmp_path / info.file).write_bytes(b"\x80\x04broken")
    if harm in ("json", "both"):
        (tmp_path / "matters.json").write_text("[]")
    assert _file(tmp_path).load()[1] == info


def test_other_notes_make_another_model_and_the_old_one_goes(tmp_path: Path) -> None:
    _, first = _file(tmp_path).load()
    _, second = _file(tmp_path, [*SMALL, Note("树枝挡住了路灯", "园林绿化"), Note("草坪枯死", "园林绿化")]).load()
    assert second.sha256 != first.sha256
    assert [path.name for path in tmp_path.glob("*.joblib")] == [second.file]


def test_what_people_decided_is_learned(tmp_path: Path) -> None:
    lessons = [Note("共享单车堆满了", "共享单车"), Note("共享单车占道", "共享单车"), Note("单车乱放", "共享单车")]
    file = _file(tmp_path, decided=lessons)
    assert file.train().examples == len(SMALL) + 3
    assert file.load()[0].guesses("单车堆满了路口")[0].label == "共享单车"


def test_nobody_waits_for_the_model(tmp_path: Path) -> None:
    background = BackgroundModel(_file(tmp_path))
    assert background.get() is None
    loaded = background.wait(120)
    assert loaded is not None
    assert background.get() is loaded


def test_a_model_that_was_trained_meanwhile_takes_over(tmp_path: Path) -> None:
    background = BackgroundModel(_file(tmp_path))
    before = background.wait(120)
    lessons = [Note("共享单车堆满了", "共享单车"), Note("共享单车占道", "共享单车"), Note("单车乱放", "共享单车")]
    trained = _file(tmp_path, decided=lessons).train()
    assert background.get() is before, "the old one serves until the new one is read"
    after = background.wait(120)
    assert after is not None
    assert after[1] == trained


@pytest.mark.parametrize(
    ("notes", "where"),
    [
        ("code\tnote\n0101\t物业不作为\n9999\t没有这个事项\n", ":3:"),
        ("code\tnote\n0101\n", ":2:"),
        ("code\tnote\n0101\t \n", ":2:"),
        ("note\tcode\n", ":1:"),
        ("", ":1:"),
        ("code\tnote\n0101\t物业不作为\n", "no note for"),
    ],
)
def test_a_wrong_file_of_notes_is_refused_with_its_line(tmp_path: Path, notes: str, where: str) -> None:
    path = tmp_path / "matter_notes.tsv"
    path.write_text(notes, encoding="utf-8")
    with pytest.raises(CatalogueError, match=where):
        Catalogue.load(CITY / "matters.yaml").load_notes(path)


@pytest.mark.parametrize(
    "content",
    [
        "groups: []\nmatters: [{code: '0101', name: 甲}]",
        "groups: [{code: '01', name: 组}]\nmatters: [{code: '0101', name: 甲}, {code: '0101', name: 乙}]",
        "groups: [{code: '01', name: 组}]\nmatters: [{code: '0101', name: 甲}, {code: '0102', name: 甲}]",
        "groups: [{code: '1', name: 组}]\nmatters: []",
        "[",
        "",
    ],
)
def test_a_wrong_file_of_matters_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "matters.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"matters\.yaml"):
        Catalogue.load(path)


def test_the_lint_names_a_matter_that_only_one_file_knows(tmp_path: Path) -> None:
    city = tmp_path / "city"
    shutil.copytree(CITY, city)
    assert check_city(city) == []
    routing = city / "routing.yaml"
    routing.write_text(routing.read_text(encoding="utf-8").replace("农资", "农具"), encoding="utf-8")
    assert check_city(city) == [
        "matters.yaml: 农资 is in no group of routing.yaml",
        "routing.yaml: 农具 is no accepted matter of matters.yaml",
    ]
