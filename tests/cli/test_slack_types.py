"""The manifest, judged by others than us: the types of Slack's own node SDK, where node is, and Slack's published schema,
where that is.

See tests/messages/typescript.py for what the first needs. The second is `schemas/manifest.schema.1.0.0.json` of
github.com/slackapi/manifest-schema; HUIKUAN_TEST_MANIFEST_SCHEMA names the file.
"""

import json
import os
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from bot.adapters.slack.manifest import manifest
from tests.messages.typescript import compiled, node_modules

SDK = "@slack/web-api"
HEAD = f"import type {{ AppsManifestCreateArguments }} from '{SDK}';\n"


GOOD = {"socket": manifest(), "http": manifest("https://ar.example.com/")}


def wrong() -> dict[str, dict[str, Any]]:
    scope, setting, command = (deepcopy(GOOD["socket"]) for _ in range(3))
    scope["oauth_config"]["scopes"]["bot"].append("chat:shout")
    setting["settings"]["socket_mode"] = True
    del command["features"]["slash_commands"][0]["description"]
    return {"scope": scope, "setting": setting, "command": command}


def test_the_manifest_is_one_for_slack_s_own_sdk(tmp_path: Path) -> None:
    modules = node_modules(SDK)
    sources = {
        name: f"{HEAD}export const made: AppsManifestCreateArguments['manifest'] = {json.dumps(made)};\n"
        for name, made in {**GOOD, **wrong()}.items()
    }
    said = compiled(tmp_path, modules, sources)
    assert {name: said[name] for name in GOOD} == {"socket": "", "http": ""}
    assert all(said[name] for name in wrong()), said


def test_the_manifest_is_valid_against_the_schema_that_slack_publishes() -> None:
    path = Path(os.environ.get("HUIKUAN_TEST_MANIFEST_SCHEMA", ""))
    if not path.is_file():
        pytest.skip("needs HUIKUAN_TEST_MANIFEST_SCHEMA: schemas/manifest.schema.1.0.0.json of slackapi/manifest-schema")
    valid = jsonschema_rs.validator_for(json.loads(path.read_text(encoding="utf-8")))
    assert [error.message for made in GOOD.values() for error in valid.iter_errors(made)] == []
    for name in ("setting", "command"):  # of scopes it knows no more than that they are words
        assert not valid.is_valid(wrong()[name]), name
