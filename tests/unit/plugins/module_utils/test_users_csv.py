# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the bytes of a CSV file to people: what is read, and what is refused with its line."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._csv_text import CsvError
from ansible_collections.homelab.identity_broker.plugins.module_utils._desired import desired_users
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import IdentityBrokerError, InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._users_csv import CLEAR, KNOWN, LAM, people
from hypothesis import assume, given
from hypothesis import strategies as st

Person = dict[str, Any]

LAMS = """\
# username, first, last, email, externalId
muffin, Muffin, Muffinson, muffin@example.org, d0e47cc3-ff12-45fd-b4ba-6a30628bd50e

crumpet,Crumpet,,crumpet@example.org,0123
"""
LAMS_PEOPLE = [
    {
        "username": "muffin",
        "given_name": "Muffin",
        "family_name": "Muffinson",
        "email": "muffin@example.org",
        "external_id": "d0e47cc3-ff12-45fd-b4ba-6a30628bd50e",
    },
    {"username": "crumpet", "given_name": "Crumpet", "email": "crumpet@example.org", "external_id": "0123"},
]


def read(text: str, **options: Any) -> list[Person]:
    return people(text.encode(), **options)


def refusal(text: str | bytes, **options: Any) -> list[str]:
    """Return the problems of a file that is refused, or else those of its lines."""
    try:
        found = people(text.encode() if isinstance(text, str) else text, **options)
    except CsvError as error:
        return error.problems
    problems = [line for item in found for line in item.get("problem", "").splitlines()]
    assert problems, found
    return problems


def problem(text: str | bytes, *parts: str, **options: Any) -> None:
    """The one problem of a file, and what it must say."""
    found = refusal(text, **options)
    assert len(found) == 1, found
    for part in parts:
        assert part in found[0], found[0]


# What is read


def test_the_file_of_lams_script() -> None:
    assert read(LAMS) == LAMS_PEOPLE


@pytest.mark.parametrize(
    "header", ["", "username,first,last,email,externalId\n", "#Username,FIRST,Last,Email,EXTERNALID\n", "# a comment\n"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_his_file_with_and_without_a_header(header: str, end: str) -> None:
    assert read((header + LAMS.partition("\n")[2]).replace("\n", end)) == LAMS_PEOPLE


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_every_encoding_and_delimiter(encoding: str, delimiter: str) -> None:
    text = delimiter.join(["müffin", "Jürgen", "Ćevap", "m@example.org", "1"])
    found = people(text.encode(encoding))
    assert [person["family_name"] for person in found] == ["Ćevap"]
    found = people(f"username{delimiter}email\nmüffin{delimiter}<clear>\n".encode(encoding))
    assert found == [{"username": "müffin", "email": ""}]


def test_an_encoding_that_is_named() -> None:
    assert people("username,first\nmüffin,Jürgen".encode("cp1252"), encoding="cp1252") == [
        {"username": "müffin", "given_name": "Jürgen"}
    ]


def test_our_own_names_in_any_order() -> None:
    text = """\
# Everybody of the bakery
Email;USERNAME;Groups;active;state;recreate;rename;username_format;wire_form;login_from;domain;display_name

m@example.org;muffin;Admins|Bakers, all; YES ;Present;0;no;bare;ws1b;192.0.2.1|198.51.100.0/24;lab.example.org;"M; M"
;scone;"a;b";FALSE;absent;;;;;;;
"""
    assert read(text) == [
        {
            "email": "m@example.org",
            "username": "muffin",
            "groups": ["Admins", "Bakers, all"],
            "active": True,
            "state": "present",
            "recreate": False,
            "rename": False,
            "username_format": "bare",
            "wire_form": "ws1b",
            "login_from": ["192.0.2.1", "198.51.100.0/24"],
            "domain": "lab.example.org",
            "display_name": "M; M",
        },
        {"username": "scone", "groups": ["a;b"], "active": False, "state": "absent"},
    ]


@pytest.mark.parametrize("cell", ["a;b", "a|b", " a ; b ;", "a;;b"])
def test_lists_of_names(cell: str) -> None:
    assert read(f"username,groups\nmuffin,{cell}") == [{"username": "muffin", "groups": ["a", "b"]}]


def test_quotes_and_comments() -> None:
    text = 'username,first,last\n"#muffin", "Muf, ""fin""" , # no comment\nscone,Sc"one\n'
    assert [each.get("problem", "").partition(":")[0] for each in read(text)] == ["line 2, column first", ""]
    assert read(text.replace('""" ,', '""",')) == [
        {"username": "#muffin", "given_name": 'Muf, "fin"', "family_name": "# no comment"},
        {"username": "scone", "given_name": 'Sc"one'},
    ]


def test_what_counts_for_nothing() -> None:
    text = "\n \t\n# x\n,,\nusername,first,,\nmuffin,,,,,,\n\t, ,\n#scone\n"
    assert read(text) == [{"username": "muffin"}]


@pytest.mark.parametrize(
    "value", ["0123", "1e5", "007.10", "TRUE", "null", "~", "{{ 1 + 1 }}", "=1+1", "12345678901234567890"]
)
def test_nothing_is_rewritten(value: str) -> None:
    found = read(f"username,external_id,given_name,email\n{value},{value},{value},{value}\n")
    assert found == [{"username": value, "external_id": value, "given_name": value, "email": value}]


@pytest.mark.parametrize(("said", "meant"), [("a;b,c", ["a", "b,c"]), ("a|b", ["a", "b"])])
def test_a_delimiter_that_is_named_counts(said: str, meant: list[str]) -> None:
    assert read(f"username\tgroups\nmuffin\t{said}", delimiter="tab")[0]["groups"] == meant
    assert read("a;1,b;2,c,m@example.org,7", delimiter=",")[0]["username"] == "a;1"


def test_two_people_of_one_name_in_two_domains() -> None:
    assert len(read("username,domain\nmuffin,a.example\nmuffin,b.example\nmuffin@c.example,")) == 3


# What is refused


@pytest.mark.parametrize(
    "text", ["", "\n", "\ufeff", "# nobody\n", " \n,,\n", "username,first\n", "username\n# muffin\n"]
)
def test_nobody_is_an_error(text: str) -> None:
    problem(text, "no people", "Write one line for each person")


def test_an_encoding_that_is_another() -> None:
    problem(
        "a,b,c,d@x,1\nmüffin".encode("latin-1"), "line 2", "byte 14", "0xFC", "behind 'm'", "UTF-8", "Save it as UTF-8"
    )
    problem("\ufeffa\nĊb".encode("utf-16-le") + b"\x00\xd8", "line 2", "byte 11", "UTF-16", "Save it as UTF-8")
    problem("\ufeffmuffin".encode("utf-32"), "UTF-32", "Save it as UTF-8")
    problem("a\nmuffin".encode("utf-16-le"), "line 1", "NUL", "Save it as UTF-8")
    problem("müffin".encode("latin-1"), "ASCII", encoding="ascii")


@pytest.mark.parametrize("encoding", ["none-such", "rot13", "undefined", "hex"])
def test_an_encoding_that_is_none(encoding: str) -> None:
    with pytest.raises(InputError, match="encoding: "):
        read("muffin", encoding=encoding)


@pytest.mark.parametrize("delimiter", ["|", "::", " ", "comma"])
def test_a_delimiter_that_is_none(delimiter: str) -> None:
    with pytest.raises(InputError, match="delimiter: "):
        read("muffin", delimiter=delimiter)


def test_a_delimiter_that_cannot_be_told() -> None:
    problem("\nmuffin;Muffin, B", "line 2", "comma or semicolon", "header")


def test_headers() -> None:
    problem("username,mail,e-mail\nmuffin,x,y", "line 1", "mail, e-mail", "Known are: username, domain", *KNOWN, *LAM)
    problem("username,first,given_name\nmuffin,a,b", "line 1", "column given_name", "twice", "first")
    problem("username,Email,EMAIL\nmuffin,a,b", "line 1", "column EMAIL", "twice")
    problem("# who\nfirst,last\nmuffin,a", "line 2", "column username", "is not in the header")
    problem("username,first\nmuffin,M\nusername,first\nscone,S", "line 3", "is a header")
    problem("muffin,M,M,m@x,1\nusername,first,last,email,externalid", "line 2", "is a header")
    problem('username,"first\nmuffin,M', "line 1", "quotes of the header")


def test_a_file_without_a_header_is_in_lams_order_or_refused() -> None:
    way_out = "username, first, last, email, externalId"
    problem("muffin\nscone", "line 1", "there is no header", way_out)
    problem("# who\nmuffin,Muffin,Muffinson", "line 2", "there is no header", way_out)
    problem("d0e4,muffin,Muffin,Muffinson,m@example.org", "line 1", "column email", "'Muffinson'", way_out)
    problem("user,first name,last name,email,sub\nmuffin,M,M,m@x,1", "line 1", "column email", "'email'", way_out)
    problem("# email, username, externalId\nmuffin,M,x,m@x,1", "line 1", "behind #", way_out, "Remove the #")
    assert read("# username, first, last\nmuffin, Muffin") == [{"username": "muffin", "given_name": "Muffin"}]


@pytest.mark.parametrize(
    ("column", "cell", "parts"),
    [
        ("active", "maybe", ("'maybe'", "true, yes, 1")),
        ("recreate", "WAHR", ("'WAHR'", "true, yes, 1")),
        ("rename", "2", ("'2'", "true, yes, 1")),
        ("state", "gone", ("'gone'", "present, absent")),
        ("username_format", "long", ("'long'", "qualified, bare")),
        ("wire_form", "both ways", ("ws1b, mfa",)),
        ("domain", "a b", ("'a b'", "no domain")),
        ("groups", ";", ("separates nothing",)),
        ("login_from", "192.0.2.0/99", ("192.0.2.0/99", "192.0.2.0/24")),
        ("given_name", "a\tb", ("U+0009", "printed")),
        ("email", "a\u00a0b", ("U+00A0", "printed")),
        ("external_id", "a\u200bb", ("U+200B", "printed")),
        *((name, CLEAR, ("cannot clear", "given_name")) for name in KNOWN if name not in LAM and "name" not in name),
        ("groups", f"a;{CLEAR}", ("cannot clear",)),
        ("", "x", ("without a name", "quotes")),
    ],
)
def test_a_cell_that_is_wrong(column: str, cell: str, parts: tuple[str, ...]) -> None:
    problem(f"username,{column}\nscone,\nmuffin,{cell}", f"line 3, column {column or 2}: ", *parts)


@pytest.mark.parametrize("username", ["muffin@", "@lab.example.org", "a\u200bb", CLEAR, ""])
def test_a_user_name_that_is_none(username: str) -> None:
    problem(f"first,username\nM,{username}", "line 2, column username: ")


def test_a_cell_too_many() -> None:
    assert len(refusal("muffin,M,M,m@x,1\nscone,S,Jr., Scone,s@x,2")) == 2
    problem("muffin,M,M,m@x,1,,\nscone,S,S,s@x,2,,x", "line 2, column 7: 'x'", "Remove it")
    problem("username,first\nmuffin,M,Jr.", "line 2, column 3: 'Jr.'", "quotes")


def test_quotes_that_do_not_fit() -> None:
    header = "username,first,last\n"
    problem(f'{header}muffin,"Muf\nfin",M\nscone', "line 2, column first: holds a line break", "one line")
    problem(f'{header}muffin,M,"M\nscone,S,S\n', "line 2, column last: a quote begins here and does not end")
    problem(f'{header}muffin,M,"M\n"scone","S"\n', "line 2, column last: a quote begins here and does not end")
    problem(f'{header}muffin,"M"M,M\nscone', "line 2, column first: ", "closing quote")
    problem(f'{header}muffin,\t"M, M"', "line 2, column first: has a tab before its opening quote")
    problem(f"{header} # muffin", "line 2, column username: begins with white space and #")


def test_no_two_lines_for_one_person() -> None:
    problem("username\nmuffin\n\nMuffin", "line 4, column username: 'Muffin' stands in line 2 already")
    problem("username,domain\nmuffin,a.b\nmuffin@A.B,", "line 3", "line 2")
    problem("username,domain\nmuffin,\nmuffin,a.b", "line 3", "line 2")
    problem("muffin,,,,X1\nscone,,,,X1", "line 2, column externalId: 'X1' stands in line 1 already", "one person's")
    problem("username,external_id\nmuffin,X1\nscone,x1", "line 3, column external_id", "line 2", "another case")


def test_a_wrong_line_is_a_problem_of_that_person() -> None:
    text = 'username,external_id,active\nmuffin,E-1,yes\nscone,E-2,maybe\n,E-3,\npie,"E-4"x,\ntart,E-5,no,?\nbun,E-6,1'
    found = read(text)
    assert [{key: each[key] for key in ("username", "external_id") if key in each} for each in found] == [
        {"username": "muffin", "external_id": "E-1"},
        {"username": "scone", "external_id": "E-2"},
        {"external_id": "E-3"},
        {},
        {"username": "tart", "external_id": "E-5"},
        {"username": "bun", "external_id": "E-6"},
    ]
    problems = [each.get("problem") for each in found]
    assert problems[0] is problems[5] is None
    for number, part in ((1, "column active"), (2, "column username"), (3, "column external_id"), (4, "'?'")):
        assert str(problems[number]).startswith(f"line {number + 2}")
        assert part in str(problems[number])


def test_a_file_in_which_every_line_is_wrong_is_refused() -> None:
    with pytest.raises(CsvError, match="2 problems"):
        read("username,active\nmuffin,maybe\nscone,perhaps")


@pytest.mark.parametrize("twin", ["muffin,E-9", "scone,e-1", "Muffin,"])
def test_two_lines_for_one_person_refuse_the_file(twin: str) -> None:
    with pytest.raises(CsvError, match="line 3"):
        read(f"username,external_id\nmuffin,E-1\n{twin}\nbun,E-6")


def test_all_problems_are_told_in_order_and_ten_are_shown() -> None:
    text = "\n".join(["username,active", "muffin,perhaps", *(f"u{number},maybe" for number in range(12)), "u1,", '"'])
    with pytest.raises(CsvError) as caught:
        read(text)
    assert [each.partition(",")[0] for each in caught.value.problems] == [f"line {line}" for line in range(2, 17)]
    said = str(caught.value).splitlines()
    assert said[0] == "15 problems:"
    assert said[1:11] == caught.value.problems[:10]
    assert said[11:] == ["and 5 more"]


# Laws

PLAIN = st.characters(exclude_categories=("C", "Z"), include_characters=" ,;\t\"'#|{}<>").filter(str.isprintable)
TEXT = st.text(PLAIN, min_size=1, max_size=8).map(str.strip).filter(lambda text: text not in ("", CLEAR))
USERNAME = TEXT.filter(lambda text: "@" not in text and text.casefold() not in ("username", "first", "last"))
PART = TEXT.filter(lambda text: not set(text) & set(";|"))
SPELT = {True: ["true", "YES", "1", "True"], False: ["false", "no", "0", "FALSE"]}
ALIASES = {"given_name": "First", "family_name": "last", "external_id": "externalId"}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    **{name: st.just("") | TEXT for name in ("given_name", "family_name", "display_name", "email")},
    **{name: st.booleans() for name in ("active", "recreate", "rename")},
    "domain": st.sampled_from(["lab.example.org", "example.com"]),
    "external_id": TEXT,
    "state": st.sampled_from(["present", "absent"]),
    "username_format": st.sampled_from(["qualified", "bare"]),
    "wire_form": st.sampled_from(["ws1b", "mfa"]),
    "groups": st.lists(PART, min_size=1, max_size=3),
    "login_from": st.lists(st.sampled_from(["192.0.2.1", "198.51.100.0/24", "2001:db8::/32"]), min_size=1),
}
LISTS_OF_PEOPLE = st.lists(
    st.fixed_dictionaries({"username": USERNAME}, optional=VALUES),
    min_size=1,
    max_size=5,
    unique_by=(
        lambda person: person["username"].casefold(),
        lambda person: person.get("external_id", person["username"]),
    ),
).filter(
    lambda found: (
        len(ids := [str(each["external_id"]).casefold() for each in found if "external_id" in each]) == len(set(ids))
    )
)


def spelt(name: str, value: Any, data: st.DataObject) -> str:
    if isinstance(value, bool):
        return data.draw(st.sampled_from(SPELT[value]))
    if isinstance(value, list):
        return "|".join(value)
    return value or (CLEAR if name in VALUES else "")


def written(table: list[list[str]], delimiter: str, quoting: int, end: str) -> str:
    # The writer does not know that a line beginning with # is a comment.
    if any(row[0].startswith("#") for row in table):
        quoting = csv.QUOTE_ALL
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(table)  # type: ignore[arg-type]
    return out.getvalue()


@given(st.data(), LISTS_OF_PEOPLE)
def test_what_the_csv_module_writes_is_read_back(data: st.DataObject, wanted: list[Person]) -> None:
    named = {name for person in wanted for name in person}
    columns = data.draw(st.permutations(sorted(named | {"username", "email"})))
    header = [data.draw(st.sampled_from([name, name.upper(), ALIASES.get(name, name)])) for name in columns]
    table = [[spelt(name, person[name], data) if name in person else "" for name in columns] for person in wanted]
    delimiter = data.draw(st.sampled_from(",;\t"))
    text = written(
        [header, *table],
        delimiter,
        data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])),
        data.draw(st.sampled_from(["\n", "\r\n", "\r"])),
    )
    encoded = text.encode(data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])))
    assert people(encoded, delimiter=data.draw(st.sampled_from([None, delimiter]))) == wanted
    desired_users(wanted, {}, None)


@given(st.lists(st.tuples(USERNAME, TEXT, TEXT, TEXT, TEXT), min_size=1, max_size=4), st.sampled_from(",;\t"))
def test_lams_order_needs_no_header(rows: list[tuple[str, ...]], delimiter: str) -> None:
    table = [
        [name, first, last, f"{mail}@x", f"{number}{key}"] for number, (name, first, last, mail, key) in enumerate(rows)
    ]
    for at in (0, 4):
        assume(len({row[at].casefold() for row in table}) == len(table))
    found = people(written(table, delimiter, csv.QUOTE_ALL, "\n").encode(), delimiter=delimiter)
    names = ("username", "given_name", "family_name", "email", "external_id")
    assert found == [dict(zip(names, row, strict=True)) for row in table]


def test_a_name_of_another_delimiter_is_a_name() -> None:
    assert people(b"email,username\n,;\n,\n") == [{"username": ";"}]


WRONG = [
    "u,maybe,,",
    "u,,gone,",
    ",yes,,",
    "u,,,,x",
    'u,"x',
    'u,"yes"x',
    "u,yes\x00",
    "u@,,,",
    "muffin,,,",
    " #u",
    f"u,,,{CLEAR}",
]


@given(st.data(), st.integers(0, 8))
def test_an_error_names_its_line(data: st.DataObject, behind: int) -> None:
    fillers = st.sampled_from(["", "# a comment", ",,,"])
    lines = ["username,active,state,domain", "muffin,,,"]
    lines += [data.draw(fillers | st.just(f"scone{number},yes,present,a.b")) for number in range(behind)]
    lines += [data.draw(st.sampled_from(WRONG))]
    lines += [data.draw(fillers | st.just(f"pie{number},no,,")) for number in range(data.draw(st.integers(0, 4)))]
    found = refusal("\n".join(lines))
    assert len(found) == 1
    assert found[0].startswith(f"line {behind + 3}")


CELLS = st.sampled_from(
    ["username", "email", "muffin", "m@x", "yes", CLEAR, '"', '""', ",", ";", "\t", " ", "\n", "\r", "#", "é"]
)


@given(
    st.binary(max_size=60)
    | (st.lists(CELLS | st.text(max_size=3), max_size=40).map(lambda parts: "".join(parts).encode("utf-8", "ignore")))
)
def test_any_file_is_read_or_refused(data: bytes) -> None:
    try:
        found = people(data)
    except IdentityBrokerError as error:
        for line in str(error).splitlines():
            assert line.isprintable()
        assert str(error)
    else:
        assert found
        desired_users(found, {}, None)
        for person in found:
            for value in person.values():
                assert value.__class__ in (str, bool, list)
