"""The manifest, judged by others than us: the types of Slack's own node SDK, where node is.

See tests/messages/typescript.py for what it needs.
"""

import json
from copy import deepcopy
from pathlib import Path

from bot.adapters.slack.manifest import manifest
from tests.messages.typescript import compiled, node_modules

SDK = "@slack/web-api"
HEAD = f"import type {{ AppsManifestCreateArguments }} from '{SDK}';\n"


def test_the_manifest_is_one_for_slack_s_own_sdk(tmp_path: Path) -> None:
    modules = node_modules(SDK)
    good = {"socket": manifest(), "http": manifest("https://ar.example.com/")}
    scope, setting, command = (deepcopy(good["socket"]) for _ in range(3))
    scope["oauth_config"]["scopes"]["bot"].append("chat:shout")
    setting["settings"]["socket_mode"] = True
    del command["features"]["slash_commands"][0]["description"]
    wrong = {"scope": scope, "setting": setting, "command": command}
    sources = {
        name: f"{HEAD}export const made: AppsManifestCreateArguments['manifest'] = {json.dumps(made)};\n"
        for name, made in {**good, **wrong}.items()
    }
    said = compiled(tmp_path, modules, sources)
    assert {name: said[name] for name in good} == {"socket": "", "http": ""}
    assert all(said[name] for name in wrong), said
