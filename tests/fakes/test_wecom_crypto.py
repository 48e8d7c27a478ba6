"""WeCom's encryption: the published vectors, wechatpy and, where it is at hand, the official package for node."""

import json
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from wechatpy.enterprise.crypto import WeChatCrypto

from tests.fakes.wecom.attacks import random_key
from tests.fakes.wecom.crypto import Crypto, CryptoError

VECTORS = json.loads((Path(__file__).parents[1] / "data/wecom-crypto-vectors.json").read_text(encoding="utf-8"))
WORDS = {"v1_official_sample_2016": "你好", "v2_doc_comment_2014": "hello"}
HARD = ["", "x", "逾期 ¥128,000.00", "😀" * 7, "<a>]]></a>", *("x" * n for n in range(20, 60)), "长" * 5000]


@pytest.mark.parametrize("name", list(VECTORS))
def test_the_published_vectors_open_with_the_fakes_crypto_and_with_wechatpys(name: str) -> None:
    it = VECTORS[name]
    ours, theirs = (kind(it["token"], it["aes_key"], it["corp_id"]) for kind in (Crypto, WeChatCrypto))
    check, post = it["verify_url"], it["post"]
    assert ours.sign(check["timestamp"], check["nonce"], check["echostr"]) == check["msg_signature"]
    assert ours.sign(post["timestamp"], post["nonce"], post["encrypt"]) == post["msg_signature"]
    echo = theirs.check_signature(check["msg_signature"], check["timestamp"], check["nonce"], check["echostr"])
    assert ours.decrypt(check["echostr"]) == echo
    assert echo.isdigit()
    plain = ours.decrypt(post["encrypt"])
    assert dict(_fields(plain))["Content"] == WORDS[name]
    body = {"Encrypt": post["encrypt"]}
    assert theirs.decrypt_message(body, post["msg_signature"], post["timestamp"], post["nonce"]) == plain


def test_what_one_writes_the_other_reads() -> None:
    token, key, corp = "token", random_key(), "ww0123456789abcdef"
    ours, theirs = Crypto(token, key, corp), WeChatCrypto(token, key, corp)
    for text in HARD:
        sealed = ours.encrypt(text)
        assert theirs.decrypt_message({"Encrypt": sealed}, ours.sign("1", "2", sealed), "1", "2") == text
    for text in filter(None, HARD):
        root = dict(_fields(theirs.encrypt_message(text, "7", "1700000000")))
        assert ours.sign("1700000000", "7", root["Encrypt"]) == root["MsgSignature"]
        assert ours.decrypt(root["Encrypt"]) == text


def _fields(xml: str) -> list[tuple[str, str]]:
    import xml.etree.ElementTree as ET

    return [(child.tag, child.text or "") for child in ET.fromstring(xml)]


def test_another_key_another_company_and_junk_are_refused() -> None:
    crypto = Crypto("token", random_key(), "ww01")
    with pytest.raises(CryptoError, match="not for 'ww01'"):
        crypto.decrypt(Crypto("token", crypto.aes_key, "ww02").encrypt("hello"))
    for junk in ("", "no base64!", "AAAA", "A" * 64, Crypto("token", random_key(), "ww01").encrypt("hello")):
        with pytest.raises(CryptoError):
            crypto.decrypt(junk)
    with pytest.raises(ValueError, match="43 characters"):
        Crypto("token", "x" * 42, "ww01")


NODE = """
const {getSignature, decrypt, encrypt} = require('@wecom/crypto');
const it = JSON.parse(require('fs').readFileSync(0));
console.log(JSON.stringify({
  opened: it.sealed.map(text => decrypt(it.key, text)),
  signed: it.sealed.map(text => getSignature(it.token, '1', '2', text)),
  sealed: it.texts.map(text => encrypt(it.key, text, it.corp)),
}));
"""


def _node() -> str:
    folder, node = os.environ.get("HUIKUAN_NODE_MODULES", ""), shutil.which("node")
    if not node or not folder or not (Path(folder) / "@wecom/crypto").is_dir():
        pytest.skip("needs node, and @wecom/crypto in the folder that HUIKUAN_NODE_MODULES names")
    return node


def test_the_official_package_for_node_reads_and_writes_the_same() -> None:
    node = _node()
    chance = random.Random(8063)
    texts = [*HARD, *("".join(chance.choices("甲乙丙abc😀]>&", k=chance.randrange(200))) for _ in range(100))]
    crypto = Crypto("token", random_key(), "ww0123456789abcdef")
    sealed = [crypto.encrypt(text) for text in texts]
    given = {"key": crypto.aes_key, "token": crypto.token, "corp": crypto.receiver, "sealed": sealed, "texts": texts}
    folder = os.environ["HUIKUAN_NODE_MODULES"]
    ran = subprocess.run(
        [node, "-e", NODE],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "NODE_PATH": folder},
    )
    assert ran.returncode == 0, ran.stderr
    said: dict[str, Any] = json.loads(ran.stdout)
    assert [one["message"] for one in said["opened"]] == texts
    assert {one["id"] for one in said["opened"]} == {crypto.receiver}
    assert said["signed"] == [crypto.sign("1", "2", text) for text in sealed]
    assert [crypto.decrypt(text) for text in said["sealed"]] == texts
