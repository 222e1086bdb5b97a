"""No server and no URL can name a file that isn't one plain, visible name in the folder."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.disk.file_names import (
    MAX_NAME_BYTES,
    file_name,
    part_name,
    part_stem,
    safe_name,
    split_suffix,
    stem_of_part,
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("report.pdf", "report.pdf"),
        ("Übergrößen & Co. (1).txt", "Übergrößen & Co. (1).txt"),
        ("文件.tar.gz", "文件.tar.gz"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\windows\\system.ini", "system.ini"),
        ("C:\\dir\\file.txt", "file.txt"),
        ("C:file.txt", "C_file.txt"),
        ("a/", ""),
        (".", ""),
        ("..", ""),
        ("...", ""),
        ("....//", ""),
        (".bashrc", "bashrc"),
        ("..hidden.txt", "hidden.txt"),
        (" . .x", "x"),
        ("trailing. . ", "trailing"),
        ("two\r\nlines.txt", "two lines.txt"),
        ("nul\x00byte.txt", "nulbyte.txt"),
        ("bell\x07\x1b[31m.txt", "bell[31m.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\u2066b\u2069\u200e\u200f\ufeff\u200bc.txt", "abc.txt"),
        ("line\u2028break\u2029.txt", "line break.txt"),
        ("invoice.pdf" + " " * 100 + ".exe", "invoice.pdf.exe"),
        ("lone\ud800surrogate", "lonesurrogate"),
        ("\u202e", ""),
        ("   ", ""),
        ("", ""),
        ('a<b>c:d"e|f?g*h', "a_b_c_d_e_f_g_h"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("nul .tar.gz", "_nul.tar.gz"),
        ("COM1", "_COM1"),
        ("lpt¹.log", "_lpt¹.log"),
        ("console.txt", "console.txt"),
        ("com10", "com10"),
        ("نامه\u200cها.pdf", "نامه\u200cها.pdf"),
        ("👩\u200d🚀.png", "👩\u200d🚀.png"),
        ("in\u200dvoice\u200c.pdf", "invoice.pdf"),
    ],
)
def test_a_name_is_made_safe(text: str, name: str) -> None:
    assert safe_name(text) == name


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ("x" * 300 + ".pdf", ".pdf"),
        ("x" * 300 + ".tar.gz", ".tar.gz"),
        ("ü" * 300 + ".jpeg", ".jpeg"),
        ("😀" * 300 + ".png", ".png"),
        ("x" * 300, "x"),
        ("x." + "y" * 300, "y"),
        ("x" * 205 + " " * 5 + ". ." * 10 + ".pdf", ".pdf"),
    ],
)
def test_a_long_name_is_cut_before_its_suffix_between_characters(text: str, suffix: str) -> None:
    name = safe_name(text)
    assert name.endswith(suffix)
    assert MAX_NAME_BYTES - 40 < len(name.encode()) <= MAX_NAME_BYTES
    assert "�" not in name


NASTY = st.text(
    st.one_of(
        st.sampled_from('./\\ \u202e\u200b\x00\r\n<>:"|?*~-'),
        st.sampled_from("conaux1.targz"),
        st.characters(),
    ),
    max_size=400,
)


@given(NASTY)
def test_whatever_the_text_the_name_keeps_its_promises(text: str) -> None:
    name = safe_name(text)
    assert safe_name(name) == name
    assert len(name.encode()) <= MAX_NAME_BYTES
    assert not set(name) & set('/\\<>:"|?*')
    assert not name.startswith((".", " ")) and not name.endswith((".", " "))
    seen = name.replace("\u200c", "").replace("\u200d", "")
    assert not {unicodedata.category(char) for char in seen} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert "".join(split_suffix(name)) == name


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("attachment; filename=plain.txt", "plain.txt"),
        ('filename="no type.txt"', "no type.txt"),
        ('attachment; filename="%E2%82%AC%20rates.pdf"', "€ rates.pdf"),
        ('attachment; filename="100%25 of %zz.txt"', "100% of %zz.txt"),
        ('attachment; filename="=?UTF-8?B?w6RwZmVsLnR4dA==?="', "äpfel.txt"),
        ('attachment; filename="=?iso-8859-1?q?=E4pfel.txt?="', "äpfel.txt"),
        ('attachment; filename="=?nonsense?q?x?="', "=_nonsense_q_x_="),
        ("attachment; filename*=\"UTF-8''quoted%20star.txt\"", "quoted star.txt"),
        ("attachment; filename*=windows-1252''%80.txt", "€.txt"),
        ("attachment; filename*=GBK''%c4%e3.txt", "你.txt"),
        ("attachment; filename*=utf8''a%20b.txt", "a b.txt"),
        ("attachment; filename*=''a%20b.txt", "a b.txt"),
        ("attachment; filename*=iso-8859-77''a; filename=b.txt", "b.txt"),
        ('attachment; filename="no end.txt', "no end.txt"),
        ('attachment; filename="', "from url.bin"),
        ('attachment; filename*0="part one, "; filename*1="part two.txt"', "part one, part two.txt"),
        ("attachment; filename*0*=UTF-8''%C3%A4; filename*1*=%C3%B6; filename*2=.txt", "äö.txt"),
        ("attachment; filename*0*=UTF-8''a%C3; filename*1*=%A4.txt", "aä.txt"),
        ("attachment; filename*0*=windows-1252''%80; filename*1=.txt", "€.txt"),
        ("attachment; filename*0*=GBK'zh'%c4; filename*1*=%e3.txt", "你.txt"),
        ("attachment; filename*0*=%E4; filename*1=.txt", "ä.txt"),
        ("attachment; filename*0*=\udce4; filename*1=.txt", "ä.txt"),
        ("attachment; filename*0*=UTF-8''it; filename*1*='s%20'fine'.txt", "it's 'fine'.txt"),
        ('attachment; filename="quoted name.txt"', "quoted name.txt"),
        ('inline;FILENAME = "odd.txt" ; size=5', "odd.txt"),
        (r'attachment; filename="a \"b\" c.txt"', "a _b_ c.txt"),
        (r'attachment; filename="C:\temp\file.txt"', "file.txt"),
        ('attachment; filename="semi;colon.txt"', "semi;colon.txt"),
        ('attachment; filename="broken.txt', "broken.txt"),
        ("attachment; filename*=UTF-8''%e2%82%ac%20rates.txt", "€ rates.txt"),
        ("attachment; filename*=iso-8859-1'en'%A3.txt", "£.txt"),
        ("attachment; filename=ascii.txt; filename*=utf-8''%C3%BC.txt", "ü.txt"),
        ("attachment; filename*=utf-8''%C3%BC.txt; filename=ascii.txt", "ü.txt"),
        ("attachment; filename=ascii.txt; filename*=utf-8''%FF.txt", "ascii.txt"),
        ("attachment; filename=ascii.txt; filename*=koi8-r''x.txt", "ascii.txt"),
        ("attachment; filename=ascii.txt; filename*=nonsense", "ascii.txt"),
        ("attachment; filename*=utf-8''..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("attachment; filename*=utf-8''a%0D%0Ab%00.txt", "a b.txt"),
        ("attachment; filename*=utf-8''%E2%80%AEfdp.exe", "fdp.exe"),
        ('attachment; filename="../../up.txt"', "up.txt"),
        ('attachment; name="x; filename=inner.txt"; filename=outer.txt', "outer.txt"),
        ("attachment; filename=\udce4.txt", "ä.txt"),
        ("attachment", "from url.bin"),
        ("attachment; filename=", "from url.bin"),
        ('attachment; filename=".."', "from url.bin"),
        ("", "from url.bin"),
        (None, "from url.bin"),
    ],
)
def test_a_name_is_taken_from_content_disposition_or_the_url(disposition: str | None, name: str) -> None:
    assert file_name(disposition, "/dir/from%20url.bin") == name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/b.zip", "b.zip"),
        ("/a/dir/", "dir"),
        ("/", "download"),
        ("", "download"),
        ("/..", "download"),
        ("/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "passwd"),
        ("/a%5c..%5cb.txt", "b.txt"),
        ("/%e2%82%ac.txt", "€.txt"),
        ("/%fc.txt", "ü.txt"),
        ("/a%00%0d%0a.txt", "a.txt"),
        ("/" + "%F0%9F%98%80" * 100 + ".png", "😀" * 51 + ".png"),
    ],
)
def test_a_name_is_taken_from_the_last_segment_of_a_path(path: str, name: str) -> None:
    assert file_name(None, path) == name


def test_a_part_file_s_name_fits_the_file_system_with_the_longest_token() -> None:
    assert part_name("file.bin", "17-9f8e") == "file.bin.part.17-9f8e"
    assert len(part_name("ü" * 300, "t" * 40).encode()) <= 255
    assert re.fullmatch(r"download~[0-9a-f]{16}\.part\.1", part_name("..", "1"))


def test_no_two_downloads_share_a_part_file() -> None:
    ids = ["a/x", "b/x", "x", "..", "", "x\x00", f"{'y' * 300}1", f"{'y' * 300}2"]
    names = [part_name(each, "1") for each in ids]
    assert len(set(names)) == len(ids)
    for each, name in zip(ids, names, strict=True):
        assert [other for other in ids if stem_of_part(name) == part_stem(other)] == [each]


@pytest.mark.parametrize("token", ["", "../x", "a/b", "a b", "t" * 41, "a\n", "ü"])
def test_a_token_that_is_no_part_of_a_name_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="a part's token has 1 to 40"):
        part_name("file", token)
