"""The page of a case file: for reading, in English and Chinese, in any browser, without scripts or anything from
elsewhere."""

import json
from html import escape
from typing import Any

from ..facts_in_words import moment
from .case import Case
from .check import Checked
from .story import tell

_STYLE = """
body { font: 15px/1.5 sans-serif; margin: 2em auto; max-width: 72em; padding: 0 1em; color: #222 }
table { border-collapse: collapse; width: 100% } td, th { border: 1px solid #ccc; padding: .3em .6em; text-align: left;
vertical-align: top } pre { white-space: pre-wrap; word-break: break-all; background: #f4f4f4; padding: .6em }
"""


def page(case: Case, checked: Checked) -> bytes:
    """HTML. checked: by the verifier's own key; readers check again by themselves."""
    parts = [
        _section("What is proved · 证明", _proved(case, checked)),
        _section("What happened · 经过", _story(checked)),
        _section("Notices to the holder · 告知书", _notices(checked)),
        _section("Evidence, as devices signed it · 设备签名的证据原文", _messages(checked)),
        _section("Answers on site, each with its work order · 现场答复及其工单原文", _answers(case)),
        _section("Rules of the scenario · 场景规则", _scenarios(checked)),
        _section("What the verifier states besides, not proved · 验证方另行说明（未经证明）", _pre(_json(case.stated))),
    ]
    title = escape(f"Case of card {case.iccid} · 物联网卡 {case.iccid} 案卷")
    text = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p>{escape(moment(case.at))}</p>{''.join(parts)}</html>\n"
    )
    return text.encode()


def _proved(case: Case, checked: Checked) -> str:
    head = checked.head
    lines = [
        "This page is for reading. The proof is case.cbor: check this file with a public key of the verifier that you "
        "have from somebody you trust: simbond case verify FILE --key KEY",
        "本页仅供阅读，证明在 case.cbor 中。请以可信渠道取得的验证方公钥核验本文件：simbond case verify FILE --key KEY",
        f"Verifier's public key · 验证方公钥: {case.key.hex()}",
    ]
    if head is not None:
        lines.append(f"Ledger · 账本 {head.origin}: {head.size} entries, {moment(head.at)}, root {head.root.hex()}")
    lines += [f"NOT PROVED · 未证实: {doubt}" for doubt in checked.doubts]
    lines += [f"Note · 注: {note}" for note in checked.notes]
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def _story(checked: Checked) -> str:
    rows = [
        f"<tr><td>{escape(moment(line.at))}</td><td>{line.seq}</td><td>{escape(line.en)}<br>{escape(line.zh)}</td></tr>"
        for line in tell(checked)
    ]
    return f"<table><tr><th>UTC</th><th>#</th><th>What · 事项</th></tr>{''.join(rows)}</table>"


def _notices(checked: Checked) -> str:
    found = []
    for fact in checked.facts.of("notice"):
        text = fact.fields["body"].get("text")
        words = "\n\n".join(str(t) for t in text.values()) if isinstance(text, dict) else _json(fact.fields["body"])
        found.append(f"<h3>{fact.row_id} · {escape(moment(fact.at))}</h3>{_pre(words)}")
    return "".join(found)


def _messages(checked: Checked) -> str:
    return "".join(
        f"<h3>Evidence {fact.row_id} · {escape(moment(fact.at))}</h3>{_pre(fact.fields['message'].hex())}"
        for fact in checked.facts.of("evidence")
    )


def _answers(case: Case) -> str:
    return "".join(_pre(proof.hex()) for proof in case.proofs)


def _scenarios(checked: Checked) -> str:
    return "".join(
        f"<h3>{escape(moment(fact.at))}</h3>{_pre(str(fact.detail.get('text', '')))}"
        for fact in checked.facts.fleet("scenario-loaded")
    )


def _section(title: str, content: str) -> str:
    return f"<h2>{escape(title)}</h2>{content or '<p>—</p>'}"


def _pre(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, default=bytes.hex)
