"""Draft what an item table cannot say: rules of several items, and header and trailer of vendor A's files, as TOML."""

from __future__ import annotations

from adapters.simulators import dialects, papers
from adapters.simulators.dialect_forms import MINUS, PLUS
from adapters.simulators.dialects import Rule
from adapters.simulators.holdings import interface
from schemas.model import Edition, RecordType, Unit

TOGETHER = {
    "counted": ("name_join", "", "空白のない氏名と姓の字数"),
    "two": ("parts", "", "姓と名"),
    "hira2": ("kana_split_hira", "", "せいとめい（ひらがな）"),
    "lines": ("address_join", "", "長い住所の欄: １は町字と番地号、２は方書"),
    "town": ("choaza_split", '{ numerals = "fullwidth" }', "町名と丁"),
    "lot": ("parts", '{ separator = "－" }', "番地と号"),
}
"""Conversions of several items by the form of the house rules: options, and what belongs together."""


def rule_text(rule: Rule) -> str:
    """A rule of several items as TOML; empty where the item table says it."""
    if rule.form == "filled":
        return _count(rule)
    if rule.form == "sign":
        return _signed(rule)
    if rule.form not in TOGETHER:
        return ""
    conversion, options, note = TOGETHER[rule.form]
    more = f"options = {options}\n" if options else ""
    return f'{_head(rule)}conversion = "{conversion}"\n{more}note = "{note}"\n'


def _head(rule: Rule) -> str:
    names = ", ".join(f'"{one.name}"' for one in rule.columns)
    items = ", ".join(f'"{one.name}"' for one in rule.items)
    return f"[[item]]\nvendor = [{names}]\nstandard = [{items}]\n"


def _count(rule: Rule) -> str:
    """How many occurrences are filled: computed from the vendor's own items, which lines of the table convert."""
    words = ", ".join(f"if(present([{name}]), 1, 0)" for name in rule.counted)
    return (
        f'[[derived]]\nside = "vendor"\nitem = "{rule.columns[0].name}"\nvalue = "sum({words})"\n'
        'reason = "繰返しのうち値のある回の数"\n'
    )


def _signed(rule: Rule) -> str:
    """The sign of an amount in a column of its own: two cases."""
    sign, amount = (one.name for one in rule.columns)
    item = rule.items[0].name
    negative = (
        f'{{ vendor = "{amount}", standard = "{item}", conversion = "compute", '
        f'to_standard = {{ {item} = "0 - {amount}" }}, to_vendor = {{ {amount} = "0 - {item}" }} }}'
    )
    return (
        f'{_head(rule)}conversion = "choose"\nnote = "増減の別と、符号のない額"\n'
        f"[[item.case]]\nwhen = {{ vendor = '{sign} = \"{MINUS}\"', standard = 'starts({item}, \"-\")' }}\n"
        f'set = {{ vendor = {{ {sign} = "{MINUS}" }} }}\nitem = [{negative}]\n'
        f"[[item.case]]\nwhen = {{ vendor = '{sign} = \"{PLUS}\"', standard = 'present({item})' }}\n"
        f'set = {{ vendor = {{ {sign} = "{PLUS}" }} }}\n'
        f'item = [{{ vendor = "{amount}", standard = "{item}", conversion = "copy" }}]\n'
    )


def edges_of(edition: Edition, unit: Unit, record: RecordType) -> str:
    """Header and trailer of vendor A's files: marks, a running number, the count and the total of an amount."""
    amount = papers.total_of(interface("a", edition, f"{unit.key}.{record.name}"))
    totals = f'totals = {{ "{amount.name}合計" = "{amount.name}" }}\n' if amount else ""
    packed = 'type = "9"\nusage = "packed"\n'
    mark = f'name = "{dialects.MARK}"\nbytes = 1\ntype = "X"\n'
    parts = [
        f'[records]\ntype_field = "{dialects.MARK}"\nheader = "{papers.HEAD}"\ndata = "{dialects.DATA}"\n'
        f'trailer = "{papers.TAIL}"\ncount_field = "件数"\n{totals}',
        f"[[header]]\n{mark}",
        f'[[header]]\nname = "団体コード"\nbytes = {papers.OWNER_BYTES}\ntype = "X"\n',
        f'[[header]]\nname = "ファイル番号"\nbytes = {papers.NUMBER_BYTES}\n{packed}blank = "low"\n',
        f"[[trailer]]\n{mark}",
        f'[[trailer]]\nname = "件数"\nbytes = {papers.COUNT_BYTES}\n{packed}',
    ]
    if amount:
        parts.append(
            f'[[trailer]]\nname = "{amount.name}合計"\nbytes = {papers.TOTAL_BYTES}\n{packed}sign = "signed"\n'
        )
    return "\n" + "\n".join(parts)
